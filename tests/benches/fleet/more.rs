//! Files that the other bench's services lack: TypeScript and Kubernetes. Made like those of `ratios/text.rs`, and as
//! ignorant of what is right or wrong about them.

use crate::text::{Choices, FIELDS, THINGS, VERBS, fill};
use std::fmt::Write as _;

macro_rules! line {
    ($text:expr, $($what:tt)*) => { writeln!($text, $($what)*).expect("a string takes it") };
}

/// A module of Express routes.
pub fn typescript(c: &mut Choices) -> String {
    let thing = c.of(THINGS);
    let head = format!(
        "import {{ Router, Request, Response }} from \"express\";\nimport {{ requireUser }} from \"../security\";\nimport {{ logger }} from \"../logger\";\nimport {{ {thing}s }} from \"../services/{thing}s\";\n\nexport const router = Router();\n"
    );
    fill(c, head, 2_600, |c, text, number| {
        let (verb, method, field) = (c.of(VERBS), c.of(&["get", "post", "put", "delete"]), c.of(FIELDS));
        let guard = if c.one_in(4) { "" } else { "requireUser, " };
        line!(
            text,
            "\nrouter.{method}(\"/{thing}s/:id/{verb}/{number}\", {guard}async (req: Request, res: Response) => {{\n  const found = await {thing}s.byId(req.params.id);\n  if (!found) {{\n    return res.status(404).json({{ error: \"no such {thing}\" }});\n  }}"
        );
        if c.one_in(2) {
            line!(text, "  logger.info(\"{verb} {thing}\", {{ id: found.id }});");
        } else {
            line!(text, "  logger.info(`{verb} {thing} ${{found.{field}}}`);");
        }
        line!(
            text,
            "  const rows = (await {thing}s.related(found)).filter((row) => row.{field} !== null).slice(0, {});\n  return res.json({{ id: found.id, {field}: found.{field}, rows }});\n}});",
            c.below(90) + 1
        );
    })
}

/// A file of Kubernetes manifests.
pub fn manifests(c: &mut Choices) -> String {
    fill(c, String::new(), 1_800, |c, text, number| {
        let (thing, replicas) = (c.of(THINGS), c.below(5) + 1);
        let privileged = c.of(&["true", "false"]);
        line!(
            text,
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {thing}-{number}\n  labels:\n    app: {thing}\nspec:\n  replicas: {replicas}\n  selector:\n    matchLabels:\n      app: {thing}\n  template:\n    metadata:\n      labels:\n        app: {thing}\n    spec:\n      containers:\n        - name: {thing}\n          image: registry.example.org/{thing}:{}.{}\n          securityContext:\n            allowPrivilegeEscalation: {privileged}\n          env:\n            - name: LEVEL\n              value: \"{}\"\n          resources:\n            limits:\n              memory: {}Mi",
            c.below(9),
            c.below(40),
            c.of(&["info", "debug"]),
            64 * (c.below(16) + 1)
        );
    })
}
