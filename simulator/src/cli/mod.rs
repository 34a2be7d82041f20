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
mod upgrade;
mod users;
mod versions;

use call::{Answer, Call, Command, Refusal};
use dialect::Dialect;

use crate::model::{Cluster, Login, Server};
use crate::output::Output;
use crate::upgrade::{Environment, Started};

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
    upgrade::COMMANDS,
];

impl Cluster {
    /// What `weka` with these arguments prints on the first backend.
    #[must_use]
    pub fn weka(&self, args: &[&str]) -> Output {
        self.ask(self.here(), args)
    }

    /// What `weka` with these arguments prints on this server. A server that
    /// the cluster does not have counts as the first backend.
    #[must_use]
    pub fn weka_on(&self, server: &str, args: &[&str]) -> Output {
        self.ask(self.server(server).or_else(|| self.here()), args)
    }

    /// Begins `weka` with these arguments on this server: what it prints, or
    /// what goes on for a while and changes the cluster.
    #[must_use]
    pub fn start(&self, server: &str, args: &[&str], environment: &Environment) -> Started {
        self.begin(
            self.server(server).or_else(|| self.here()),
            args,
            environment,
        )
    }

    /// Whether the arguments are those of a command that fails while there is
    /// no leader.
    pub(crate) fn needs_leader(&self, args: &[&str]) -> bool {
        let commands = COMMANDS.iter().copied().flatten();
        call::find(commands, Dialect::of(&self.release), args)
            // What an upgrade runs in needs no login; the upgrade in it does.
            .is_ok_and(|(command, _)| command.login || command.path == "local run")
    }

    /// A command that only looks.
    fn ask(&self, here: Option<&Server>, args: &[&str]) -> Output {
        match self.begin(here, args, &Environment::default()) {
            Started::Ended(output) => output,
            Started::Running(_) => {
                Output::failed(2, "error: whoever only asks the simulator changes nothing")
            }
        }
    }

    fn begin(&self, here: Option<&Server>, args: &[&str], environment: &Environment) -> Started {
        let Some(here) = here else {
            let text = "error: no container is configured on this server";
            return Started::Ended(Output::failed(1, text));
        };
        match self.answer(here, args, environment) {
            Ok(Answer::Start(run)) => Started::Running(run),
            Ok(Answer::Json(value)) => Started::Ended(Output::json(&value)),
            Ok(Answer::Text(text)) => Started::Ended(Output::text(text)),
            Ok(Answer::Failed(status, text)) => Started::Ended(Output::failed(status, text)),
            Err(output) => Started::Ended(output),
        }
    }

    fn answer(
        &self,
        here: &Server,
        args: &[&str],
        environment: &Environment,
    ) -> Result<Answer, Output> {
        if self.login == Login::NoProgram {
            return Err(Output::failed(127, "sh: weka: not found"));
        }
        let dialect = Dialect::of(&self.release);
        let commands = COMMANDS.iter().copied().flatten();
        let (command, arguments) =
            call::find(commands, dialect, args).map_err(|refusal| refusal.output())?;
        if command.login
            && let Some(refused) = self.refuses_login()
        {
            return Err(refused);
        }
        let call = Call {
            cluster: self,
            here,
            dialect,
            environment,
            arguments,
        };
        match (command.answer)(&call) {
            Answer::Json(_) if !call.arguments.json => Err(Output::failed(
                2,
                "error: the simulator has no text form of this command, ask with -J",
            )),
            answer => Ok(answer),
        }
    }

    /// What a command answers that needs a user, when there is none.
    fn refuses_login(&self) -> Option<Output> {
        match &self.login {
            Login::As(_) if self.upgrade.handover > 0 => Some(Output::failed(
                1,
                "error: failed to connect to the cluster: there is no leader right now",
            )),
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
