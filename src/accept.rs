//! The warnings that the operator accepts: from options and the configuration file.

use anyhow::Context;
use checker_core::Registry;
use checker_core::gate::{self, Acceptance};
use checker_core::report::Report;

use crate::args::AcceptArgs;
use crate::config::AcceptEntry;
use crate::exit::Failure;
use crate::{main_job, output};

/// Those of the options, then those of the file: of two for one result the
/// first counts.
pub(crate) fn acceptances(
    arguments: &AcceptArgs,
    configured: Vec<AcceptEntry>,
) -> Result<Vec<Acceptance>, Failure> {
    let author = author();
    let given = arguments
        .accept
        .iter()
        .map(|text| Acceptance::parse(text, &author).context("--accept"));
    let configured = configured.into_iter().map(|entry| {
        let author = entry.author.as_deref().unwrap_or(&author);
        let server = entry.server.as_deref();
        Acceptance::new(&entry.check, server, &entry.reason, author, entry.until)
            .context("[[accept]] in the configuration file")
    });
    given
        .chain(configured)
        .collect::<Result<_, _>>()
        .map_err(Failure::usage)
}

/// Refuses acceptances of checks that there are not, before anything is asked.
pub(crate) fn verify(acceptances: &[Acceptance], registry: &Registry) -> Result<(), Failure> {
    gate::verify(acceptances, registry)
        .context("accepting a warning")
        .map_err(Failure::usage)
}

/// Writes them into the report and the log, and says what does not count.
pub(crate) fn apply(report: &mut Report, acceptances: &[Acceptance]) {
    gate::accept(report, acceptances);
    for (counts, note) in gate::told(report) {
        if counts {
            tracing::info!("{note}");
        } else {
            tracing::warn!("{note}");
            output::complain(&note);
        }
    }
}

/// Who runs the tool: behind `sudo`, who called it.
fn author() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| match rustix::process::getuid() {
            root if root.is_root() => "root".to_owned(),
            user => format!("uid {}", user.as_raw()),
        });
    format!("{name}@{}", main_job::host_name())
}
