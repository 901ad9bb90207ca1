//! `ligase mcp`: the constraints of a working tree for a coding agent, over the Model Context Protocol on standard input and
//! output. It only reads: no tool changes anything, and no path that a client names is opened (paths choose among files that
//! were looked at anyway).

use crate::args::Mcp;
use crate::commands::catalog;
use crate::failure::{Exit, Failure};
use crate::report::{self, Report};
use crate::{guide, local};
use ligase_domain::Timestamp;
use ligase_inspect::Inspector;
use ligase_probe::NoProgress;
use ligase_remedy::RemedySet;
use ligase_runtime::SystemClock;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// A name of a client may have so many bytes.
const NAME_MAX: usize = 4_096;

/// Serves until the client closes.
pub fn run(args: &Mcp) -> Result<Exit, Failure> {
    let inspector = local::inspector(args.catalog.as_deref())?;
    let remedies = RemedySet::load(inspector.files()).map_err(Failure::documents)?;
    local::open_path(&args.path)?;
    let server = Server { inner: Arc::new(Inner { root: args.path.clone(), inspector, remedies }) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::look("E-RUNTIME", e, "free some threads"))?;
    let ended: Result<(), String> = runtime.block_on(async {
        let running = server.serve(rmcp::transport::stdio()).await.map_err(|e| e.to_string())?;
        running.waiting().await.map(|_| ()).map_err(|e| e.to_string())
    });
    ended.map_err(|e| Failure::look("E-MCP", e, "speak the Model Context Protocol on standard input"))?;
    Ok(Exit::Holds)
}

/// What every answer is made from.
struct Inner {
    root: PathBuf,
    inspector: Inspector,
    remedies: RemedySet,
}

#[derive(Clone)]
struct Server {
    inner: Arc<Inner>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("ligase", env!("CARGO_PKG_VERSION")))
            .with_instructions(
                "Ask constraints_for_path before you write code in a file, and check before you commit. Nothing here changes the tree.",
            )
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let inner = Arc::clone(&self.inner);
        let arguments = request.arguments.unwrap_or_default();
        // Looking takes a while and no lock: another question is answered meanwhile.
        let answer = tokio::task::spawn_blocking(move || inner.answer(&request.name, &arguments)).await;
        match answer.map_err(|_| ErrorData::internal_error("looking failed", None))? {
            Answer::Said(value) => Ok(CallToolResult::success(vec![ContentBlock::text(value.to_string())]).into()),
            Answer::Failed(what) => Ok(CallToolResult::error(vec![ContentBlock::text(what)]).into()),
            Answer::Wrong(what) => Err(ErrorData::invalid_params(what, None)),
        }
    }
}

enum Answer {
    Said(Value),
    Failed(String),
    Wrong(String),
}

impl Inner {
    fn answer(&self, tool: &str, arguments: &JsonObject) -> Answer {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).filter(|t| t.len() <= NAME_MAX);
        match tool {
            "constraints_for_path" => match text("path").map(relative) {
                Some(Some(path)) => self.constraints(&path),
                Some(None) => Answer::Wrong("`path` is relative to the tree, without `..`".to_owned()),
                None => Answer::Wrong("`path` is missing".to_owned()),
            },
            "check" => self.check(text("base")),
            "show_clause" => match text("clause") {
                Some(clause) => catalog::describe(&self.inspector, &self.remedies, clause)
                    .map_or_else(|| Answer::Failed(format!("the catalog has no {clause}")), Answer::Said),
                None => Answer::Wrong("`clause` is missing".to_owned()),
            },
            other => Answer::Wrong(format!("there is no tool {other:?}")),
        }
    }

    fn constraints(&self, path: &str) -> Answer {
        let opened = match local::open_path(&self.root) {
            Ok(opened) => opened,
            Err(failure) => return Answer::Failed(failure.to_string()),
        };
        let now = Timestamp(SystemClock.now_ms());
        let (tree, cache) = (opened.tree.as_ref(), opened.cache.as_ref());
        let inspection = self.inspector.inspect(tree, &opened.declared, cache, now, &NoProgress);
        Answer::Said(guide::for_path(&self.inspector, &inspection, path))
    }

    fn check(&self, base: Option<&str>) -> Answer {
        match self.checked(base) {
            Ok(value) => Answer::Said(value),
            Err(failure) => Answer::Failed(failure.to_string()),
        }
    }

    fn checked(&self, base: Option<&str>) -> Result<Value, Failure> {
        let opened = local::open_path(&self.root)?;
        let now = Timestamp(SystemClock.now_ms());
        let (tree, cache, declared) = (opened.tree.as_ref(), opened.cache.as_ref(), &opened.declared);
        let remedies = &self.remedies;
        let mut document = match base {
            None => {
                let inspection = self.inspector.inspect(tree, declared, cache, now, &NoProgress);
                let report = Report { inspection: &inspection, difference: None, weakened: &[], remedies, full: false };
                report::json::document(&report)
            }
            Some(revision) => {
                let base = local::base(&self.root, revision)?;
                let compared = self.inspector.compare(base.as_ref(), tree, declared, cache, now, &NoProgress);
                let weakened = super::check::weakened(&compared);
                let difference = Some(&compared.difference);
                let report =
                    Report { inspection: &compared.head, difference, weakened: &weakened, remedies, full: false };
                report::json::document(&report)
            }
        };
        // An agent acts on what does not hold; what holds would only fill its context.
        if let Some(findings) = document.get_mut("findings").and_then(Value::as_array_mut) {
            findings.retain(|f| f["outcome"] == "not-satisfied");
        }
        Ok(document)
    }
}

/// A path below the tree, as findings name it.
fn relative(path: &str) -> Option<String> {
    let path = path.trim_start_matches("./");
    let whole = !path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..");
    whole.then(|| path.trim_end_matches('/').to_owned())
}

fn tools() -> Vec<Tool> {
    let schema = |properties: Value, required: &[&str]| {
        let schema =
            json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
        schema.as_object().cloned().unwrap_or_default()
    };
    let text = |description: &str| json!({ "type": "string", "description": description });
    let read_only = |tool: Tool| {
        let mut tool = tool;
        tool.annotations = Some(ToolAnnotations::new().read_only(true).destructive(false));
        tool
    };
    vec![
        Tool::new(
            "constraints_for_path",
            "The clauses that hold for a file or folder of this tree: what each says, why it holds here, and an example of code that does not hold and of code that does.",
            schema(json!({ "path": text("relative to the tree") }), &["path"]),
        ),
        Tool::new(
            "check",
            "Judges the working tree as it lies: what is not satisfied, with file and line. With `base`, what changed against that revision.",
            schema(json!({ "base": text("a commit or branch, such as main") }), &[]),
        ),
        Tool::new(
            "show_clause",
            "One constraint or clause of the catalog, whole: how it decides, which controls it serves, what repairs it.",
            schema(json!({ "clause": text("such as authn-endpoints/guarded") }), &["clause"]),
        ),
    ]
    .into_iter()
    .map(read_only)
    .collect()
}
