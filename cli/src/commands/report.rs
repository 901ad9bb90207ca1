//! `ligase report`: asks the public API and writes what `html.rs` makes of its answers. It changes nothing else.

use crate::args::Report;
use crate::embedded::Embedded;
use crate::failure::{Exit, Failure};
use crate::html::Page;
use crate::output;
use anstream::println;
use ligase_proto::v1::{ChangesetsRequest, FindingsRequest, OverviewRequest, StatusRequest};
use serde_json::json;
use std::path::Path;

/// The file in the folder.
const INDEX: &str = "index.html";

/// Runs it.
pub fn run(args: &Report, as_json: bool) -> Result<Exit, Failure> {
    let embedded = Embedded::open(&args.standing, 1)?;
    let status = embedded.call(async |mut api| api.status(StatusRequest {}).await)?;
    let all = FindingsRequest { outcome: "all".to_owned(), ..Default::default() };
    let page = Page {
        overview: embedded.call(async |mut api| api.overview(OverviewRequest {}).await)?,
        services: status.services,
        findings: embedded.call(async |mut api| api.findings(all).await)?.findings,
        changesets: embedded.call(async |mut api| api.changesets(ChangesetsRequest::default()).await)?,
    };
    let text = page.render();
    write(&args.html, &text)?;
    let file = args.html.join(INDEX);
    if as_json {
        let not_satisfied = page.findings.iter().filter(|f| f.outcome == "not-satisfied").count();
        output::json(&json!({
            "file": file.display().to_string(), "bytes": text.len(), "as_of": page.overview.at,
            "services": page.services.len(), "findings": page.findings.len(), "not_satisfied": not_satisfied,
        }));
    } else {
        println!("{} ({} kB, one file, for any browser)", file.display(), text.len().div_ceil(1000));
    }
    Ok(Exit::Holds)
}

/// Writes the page whole: a reader sees the old one or the new one.
fn write(folder: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e| {
        let what = format!("{}: {e}", folder.display());
        Failure::input("E-REPORT-WRITE", what, "name a folder that can be written with --html")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let fresh = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::fs::write(fresh.path(), text).map_err(failed)?;
    readable(fresh.path()).map_err(failed)?;
    fresh.persist(folder.join(INDEX)).map_err(|e| failed(e.error))?;
    Ok(())
}

/// A page is for everybody who may read the folder; a temporary file is for its owner alone.
fn readable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644))
}
