//! The `weka` command line: what it understands, and how it prints the model.

mod alerts;
mod buckets;
mod call;
mod containers;
mod debug;
mod dialect;
mod drives;
mod events;
mod filesystems;
mod local;
mod nfs;
mod processes;
mod s3;
mod servers;
mod settings;
mod smb;
mod status;
mod tasks;
mod users;
mod versions;

use call::{Answer, Call, Command, Refusal};
use dialect::Dialect;

use crate::model::{Cluster, Login, Server};
use crate::output::Output;

/// Every command, one list per subject.
const COMMANDS: &[&[Command]] = &[
    status::COMMANDS,
    alerts::COMMANDS,
    events::COMMANDS,
    containers::COMMANDS,
    servers::COMMANDS,
    processes::COMMANDS,
    drives::COMMANDS,
    buckets::COMMANDS,
    tasks::COMMANDS,
    filesystems::COMMANDS,
    s3::COMMANDS,
    smb::COMMANDS,
    nfs::COMMANDS,
    users::COMMANDS,
    local::COMMANDS,
    versions::COMMANDS,
    settings::COMMANDS,
    debug::COMMANDS,
];

impl Cluster {
    /// What `weka` with these arguments prints on the first backend.
    #[must_use]
    pub fn weka(&self, args: &[&str]) -> Output {
        self.run(self.here(), args)
    }

    /// What `weka` with these arguments prints on this server. A server that
    /// the cluster does not have counts as the first backend.
    #[must_use]
    pub fn weka_on(&self, server: &str, args: &[&str]) -> Output {
        self.run(self.server(server).or_else(|| self.here()), args)
    }

    fn run(&self, here: Option<&Server>, args: &[&str]) -> Output {
        let Some(here) = here else {
            return Output::failed(1, "error: no container is configured on this server");
        };
        if self.login == Login::NoProgram {
            return Output::failed(127, "sh: weka: not found");
        }
        let dialect = Dialect::of(&self.release);
        let found = call::find(COMMANDS.iter().copied().flatten(), dialect, args);
        let (command, arguments) = match found {
            Ok(found) => found,
            Err(refusal) => return refusal.output(),
        };
        if command.login
            && let Some(refused) = self.refuses_login()
        {
            return refused;
        }
        let call = Call {
            cluster: self,
            here,
            dialect,
            arguments,
        };
        match (command.answer)(&call) {
            Answer::Json(value) if call.arguments.json => Output::json(&value),
            Answer::Json(_) => Output::failed(
                2,
                "error: the simulator has no text form of this command, ask with -J",
            ),
            Answer::Text(text) => Output::text(text),
            Answer::Failed(status, text) => Output::failed(status, text),
        }
    }

    /// What a command answers that needs a user, when there is none.
    fn refuses_login(&self) -> Option<Output> {
        match &self.login {
            Login::As(_) => None,
            Login::Refused(text) => Some(Output::failed(41, format!("error: {text}"))),
            Login::NoContainer => Some(Output::failed(
                1,
                "error: Could not connect to the local container on 127.0.0.1:14000: Connection refused",
            )),
            Login::NoProgram => Some(Output::failed(127, "sh: weka: not found")),
        }
    }
}

impl Refusal {
    fn output(&self) -> Output {
        Output::failed(2, format!("error: {self}"))
    }
}
