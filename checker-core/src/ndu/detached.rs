//! Jobs as processes that stand on their own: in a session of their own, with
//! nothing of ours for input or output.
//!
//! Each has a directory on the machine that runs it:
//!
//! ```text
//! DIR/ID/command   its command line, to be read by a person
//! DIR/ID/output    what it printed, on both outputs
//! DIR/ID/process   its process, the time at which that started, the boot
//! DIR/ID/status    its exit status, once it has ended
//! ```
//!
//! Making the directory is what starts a job, and that succeeds once. Whether
//! it still runs is asked of the process that is named there; a number that
//! was given to another process since has another start time or boot.

use std::path::Path;
use std::time::Duration;

use super::executor::{ExecuteError, Executor, Job, JobId, JobState, JobView, LOOK_LIMIT, Work};
use crate::deadline::Deadline;
use crate::evidence::{End, RawRecord};

/// How long starting or looking may take: neither waits for the job.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A machine that runs shell texts for us.
pub trait Shell: Send + Sync {
    /// Runs a POSIX shell text, to be kept out of every command line, as the
    /// user who may run `weka` there.
    fn shell(&self, key: &str, text: &str, deadline: &Deadline) -> RawRecord;
}

/// Jobs on a machine that runs shell texts.
#[derive(Debug)]
pub struct Detached<S> {
    shell: S,
    dir: String,
    program: Vec<String>,
}

impl<S: Shell> Detached<S> {
    /// Jobs in this directory of that machine, which is made when needed.
    /// `program` is what stands for `weka`, usually that one word.
    #[must_use]
    pub fn new(shell: S, dir: impl Into<String>, program: &[&str]) -> Self {
        Self {
            shell,
            dir: dir.into(),
            program: program.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    fn run(&self, key: &str, text: &str, deadline: &Deadline) -> Result<RawRecord, ExecuteError> {
        let record = self.shell.shell(key, text, &deadline.sooner(TIMEOUT));
        let said = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.lines()
                .next_back()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let why = match &record.end {
            End::Exited(0) => return Ok(record),
            End::Exited(status) => match said(&record.stderr) {
                words if words.is_empty() => format!("exit status {status}"),
                words => words,
            },
            End::Signalled(signal) => format!("ended by signal {signal}"),
            End::TimedOut => "no answer in time".to_owned(),
            End::Lost => "the connection broke".to_owned(),
            End::NotRun(why) => why.to_string(),
        };
        Err(ExecuteError::Failed(why))
    }
}

/// Says whether the job in a directory runs. The process is ours when its start
/// time and the boot are those noted down; where it is gone, whatever is left of
/// its session is ours as well.
const FUNCTIONS: &str = r#"
started() {
  IFS= read -r l <"/proc/$1/stat" || return 1
  set -- ${l##*) }
  [ "$1" != Z ] || return 1
  shift 19
  echo "$1"
}
boot() { IFS= read -r b </proc/sys/kernel/random/boot_id && echo "$b"; }
session() {
  for f in /proc/[0-9]*/stat; do
    IFS= read -r l 2>/dev/null <"$f" || continue
    set -- "$1" ${l##*) }
    [ "$5" = "$1" ] && [ "$2" != Z ] && return 0
  done
  return 1
}
alive() {
  [ ! -f "$1/status" ] || return 1
  # Whoever started it may have been cut off just before.
  n=0
  while [ ! -f "$1/process" ] && [ -n "$(find "$1/output" -mmin -1 2>/dev/null)" ] && [ "$n" -lt 20 ]; do
    n=$((n + 1))
    sleep 0.1 2>/dev/null || sleep 1
  done
  read -r p s b 2>/dev/null <"$1/process" || return 1
  [ "$b" = "$(boot)" ] || return 1
  now=$(started "$p" 2>/dev/null)
  # Its shell was killed, and what it ran may go on.
  if [ -z "$now" ]; then session "$p"; else [ "$s" = "$now" ]; fi
}
"#;

fn start_script(dir: &str, program: &[String], job: &Job) -> String {
    use shell_words::quote;
    let command = match &job.work {
        Work::Weka(line) => shell_words::join(program.iter().chain(line.iter())),
        // The package's own directory is not known before it is unpacked.
        Work::Package(package) => format!(
            "t=$(mktemp -d) && trap 'rm -rf \"$t\"' EXIT && tar -xf {} -C \"$t\" && cd \"$t\" && for f in ./install.sh ./*/install.sh; do [ -f \"$f\" ] && cd \"${{f%/*}}\" && {{ sh ./install.sh; exit; }}; done; echo 'the package holds no install.sh' >&2; exit 1",
            quote(&package.to_string_lossy())
        ),
    };
    // The environment of the job's shell; the text itself is on no command line.
    let environment: String = job
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={}; export {name}\n", quote(value.expose())))
        .collect();
    let shown = job.work.to_string();
    format!(
        r#"umask 077
{FUNCTIONS}
base={base}
d=$base/{id}
mkdir -p "$base" || exit 1
[ -d "$d" ] && exit 0
for o in "$base"/*/; do
  o=${{o%/}}
  alive "$o" && {{ echo "busy ${{o##*/}}"; exit 0; }}
done
command -v setsid >/dev/null || {{ echo "setsid is not installed there" >&2; exit 1; }}
mkdir "$d" 2>/dev/null || {{ [ -d "$d" ] && exit 0; echo "$d can't be made" >&2; exit 1; }}
printf '%s\n' {shown} >"$d/command"
: >"$d/output"
{environment}PATH=$PATH:/opt/weka/bin
export PATH
# Under sudo the CLI's credentials are still those of the user who logged in.
[ -z "$SUDO_USER" ] || h=$(getent passwd "$SUDO_USER" | cut -d: -f6)
[ -z "$h" ] || HOME=$h
setsid sh -c '
  d=$1
  read -r b </proc/sys/kernel/random/boot_id
  IFS= read -r l </proc/$$/stat
  p=$$
  set -- ${{l##*) }}
  shift 19
  echo "$p $1 $b" >"$d/process.new" && mv "$d/process.new" "$d/process"
  ( {inner} )
  echo $? >"$d/status.new" && sync "$d/status.new" 2>/dev/null
  mv "$d/status.new" "$d/status"
' job "$d" </dev/null >>"$d/output" 2>&1 3>&- 4>&- 5>&- &
n=0
while [ ! -f "$d/process" ] && [ "$n" -lt 100 ]; do n=$((n + 1)); sleep 0.1 2>/dev/null || sleep 1; done
[ -f "$d/process" ] || {{ echo "the command did not start" >&2; exit 1; }}
"#,
        base = quote(dir),
        id = job.id,
        shown = quote(&shown),
        inner = command.replace('\'', r"'\''"),
    )
}

fn look_script(dir: &str, id: &JobId, from: u64) -> String {
    format!(
        r#"{FUNCTIONS}
d={dir}/{id}
if [ ! -d "$d" ]; then echo absent
elif [ -f "$d/status" ]; then echo "ended $(cat "$d/status")"
elif alive "$d"; then echo running
elif [ -f "$d/status" ]; then echo "ended $(cat "$d/status")"
else echo lost
fi
[ ! -f "$d/output" ] || tail -c +{first} "$d/output" | head -c {LOOK_LIMIT}
"#,
        dir = shell_words::quote(dir),
        first = from + 1,
    )
}

fn running_script(dir: &str) -> String {
    format!(
        r#"{FUNCTIONS}
for o in {dir}/*/; do
  o=${{o%/}}
  alive "$o" && {{ echo "${{o##*/}}"; exit 0; }}
done
:
"#,
        dir = shell_words::quote(dir),
    )
}

impl<S: Shell> Executor for Detached<S> {
    fn start(&self, job: &Job, deadline: &Deadline) -> Result<(), ExecuteError> {
        let text = start_script(&self.dir, &self.program, job);
        let record = self.run("upgrade:start", &text, deadline)?;
        let said = String::from_utf8_lossy(&record.stdout).into_owned();
        match said.trim().strip_prefix("busy ").map(JobId::new) {
            Some(Ok(other)) => Err(ExecuteError::Busy(other)),
            Some(Err(error)) => Err(ExecuteError::Failed(error.to_string())),
            None => Ok(()),
        }
    }

    fn running(&self, deadline: &Deadline) -> Result<Option<JobId>, ExecuteError> {
        let text = running_script(&self.dir);
        let record = self.run("upgrade:running", &text, deadline)?;
        let said = String::from_utf8_lossy(&record.stdout).into_owned();
        match said.trim() {
            "" => Ok(None),
            name => JobId::new(name)
                .map(Some)
                .map_err(|error| ExecuteError::Failed(error.to_string())),
        }
    }

    fn look(&self, id: &JobId, from: u64, deadline: &Deadline) -> Result<JobView, ExecuteError> {
        let text = look_script(&self.dir, id, from);
        let record = self.run("upgrade:look", &text, deadline)?;
        let out = record.stdout;
        let end = out.iter().position(|b| *b == b'\n');
        let (first, output) = match end {
            Some(end) => (&out[..end], &out[end + 1..]),
            None => (&out[..], &[][..]),
        };
        let first = String::from_utf8_lossy(first);
        let state = match first.trim().split_once(' ') {
            Some(("ended", status)) => JobState::Ended(status.trim().parse().map_err(|_| {
                ExecuteError::Failed(format!("{status:?} in the place of an exit status"))
            })?),
            _ => match first.trim() {
                "absent" => JobState::Absent,
                "running" => JobState::Running,
                "lost" => JobState::Lost,
                other => {
                    let what = format!("{other:?} in the place of a state");
                    return Err(ExecuteError::Failed(what));
                }
            },
        };
        Ok(JobView {
            state,
            output: output.to_vec(),
        })
    }
}

/// Whether a machine has a file that can be read there.
///
/// # Errors
/// Why that can't be told.
pub fn has_file(shell: &impl Shell, path: &Path, deadline: &Deadline) -> Result<bool, String> {
    let file = shell_words::quote(&path.to_string_lossy()).into_owned();
    let text = format!("test -f {file} && test -r {file}\n");
    let record = shell.shell("upgrade:package", &text, &deadline.sooner(TIMEOUT));
    match record.end {
        End::Exited(0) => Ok(true),
        End::Exited(1) => Ok(false),
        End::Exited(status) => Err(format!("exit status {status}")),
        End::Signalled(signal) => Err(format!("ended by signal {signal}")),
        End::TimedOut => Err("no answer in time".to_owned()),
        End::Lost => Err("the connection broke".to_owned()),
        End::NotRun(why) => Err(why.to_string()),
    }
}

/// This machine, as the user who runs us.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalShell;

impl Shell for LocalShell {
    fn shell(&self, key: &str, text: &str, deadline: &Deadline) -> RawRecord {
        crate::fleet::shell_here(key, text, deadline)
    }
}

impl<S: Shell + ?Sized> Shell for std::sync::Arc<S> {
    fn shell(&self, key: &str, text: &str, deadline: &Deadline) -> RawRecord {
        (**self).shell(key, text, deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rstest::rstest;

    use super::*;
    use crate::ndu::commands::Line;
    use crate::ndu::executor::Secret;

    fn jobs(dir: &Path, program: &[&str]) -> Detached<LocalShell> {
        Detached::new(LocalShell, dir.to_string_lossy(), program)
    }

    fn job(id: &str, words: &[&str]) -> Job {
        Job::weka(JobId::new(id).expect("a name"), Line::of_test(words))
    }

    fn soon() -> Deadline {
        Deadline::within(Duration::from_secs(20))
    }

    fn ended(jobs: &Detached<LocalShell>, job: &Job) -> JobView {
        let begun = Instant::now();
        loop {
            let view = jobs.look(&job.id, 0, &soon()).expect("seen");
            if view.state != JobState::Running || begun.elapsed() > Duration::from_secs(20) {
                return view;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[rstest]
    #[case::success("echo out; echo err >&2", 0, "out\nerr\n")]
    #[case::failure("echo 'it''s wrong'; exit 7", 7, "its wrong\n")]
    #[case::quotes(r#"printf '%s\n' "a'b\"c \$HOME""#, 0, "a'b\"c $HOME\n")]
    fn what_a_job_prints_and_how_it_ends(
        #[case] text: &str,
        #[case] status: i32,
        #[case] output: &str,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        let job = job("a-1", &[text]);
        jobs.start(&job, &soon()).expect("started");
        let view = ended(&jobs, &job);
        assert_eq!(view.state, JobState::Ended(status));
        assert_eq!(String::from_utf8_lossy(&view.output), output);
        let rest = jobs.look(&job.id, 2, &soon()).expect("seen").output;
        assert_eq!(String::from_utf8_lossy(&rest), output[2..]);
    }

    #[test]
    fn files_that_are_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("it's here.tar");
        assert_eq!(has_file(&LocalShell, &file, &soon()), Ok(false));
        std::fs::write(&file, "x").expect("written");
        assert_eq!(has_file(&LocalShell, &file, &soon()), Ok(true));
        assert_eq!(has_file(&LocalShell, dir.path(), &soon()), Ok(false));
    }

    #[test]
    fn started_twice_runs_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let mark = dir.path().join("mark");
        let text = format!("echo x >>{}", mark.display());
        let jobs = jobs(dir.path().join("jobs").as_path(), &["sh", "-c"]);
        let job = job("a-1", &[&text]);
        jobs.start(&job, &soon()).expect("started");
        jobs.start(&job, &soon()).expect("not again");
        assert_eq!(ended(&jobs, &job).state, JobState::Ended(0));
        jobs.start(&job, &soon()).expect("not again");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(std::fs::read_to_string(mark).expect("written"), "x\n");
    }

    #[test]
    fn what_was_killed_is_lost_and_what_was_never_started_is_absent() {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        let job = job("a-1", &["echo begun; exec sleep 60"]);
        let state = |job: &Job| jobs.look(&job.id, 0, &soon()).expect("seen").state;
        assert_eq!(state(&job), JobState::Absent);
        jobs.start(&job, &soon()).expect("started");
        assert_eq!(state(&job), JobState::Running);
        let process = std::fs::read_to_string(dir.path().join("a-1/process")).expect("noted");
        let pid: i32 = process
            .split(' ')
            .next()
            .and_then(|pid| pid.parse().ok())
            .expect("a number");
        let group = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).expect("killed");
        let begun = Instant::now();
        while state(&job) == JobState::Running && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(state(&job), JobState::Lost);
    }

    #[test]
    fn a_number_that_another_process_has_by_now_is_not_the_job() {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        let job = job("a-1", &["true"]);
        std::fs::create_dir(dir.path().join("a-1")).expect("made");
        let us = format!("{} 1 some-boot\n", std::process::id());
        std::fs::write(dir.path().join("a-1/process"), us).expect("written");
        let view = jobs.look(&job.id, 0, &soon()).expect("seen");
        assert_eq!(view.state, JobState::Lost);
    }

    #[test]
    fn only_one_job_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        let first = job("a-1", &["sleep 1"]);
        let second = job("a-2", &["true"]);
        jobs.start(&first, &soon()).expect("started");
        assert_eq!(
            jobs.start(&second, &soon()),
            Err(ExecuteError::Busy(first.id.clone()))
        );
        assert_eq!(ended(&jobs, &first).state, JobState::Ended(0));
        jobs.start(&second, &soon()).expect("started");
        assert_eq!(ended(&jobs, &second).state, JobState::Ended(0));
    }

    #[test]
    fn a_secret_is_in_the_environment_and_in_no_file_of_the_job() {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        let mut job = job("a-1", &["test ${#WEKA_DIST_SERVERS} -eq 15"]);
        job.environment = vec![("WEKA_DIST_SERVERS", Secret::new("https://t0k3n@h"))];
        jobs.start(&job, &soon()).expect("started");
        assert_eq!(ended(&jobs, &job).state, JobState::Ended(0));
        for file in std::fs::read_dir(dir.path().join("a-1")).expect("a directory") {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("readable");
            assert!(!text.contains("t0k3n"), "{text}");
        }
    }

    #[test]
    fn a_package_is_unpacked_and_installed() {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("weka-4.4.33");
        std::fs::create_dir(&inner).expect("made");
        std::fs::write(inner.join("install.sh"), "echo installed from ${PWD##*/}\n")
            .expect("written");
        let tar = dir.path().join("it's a package.tar");
        let status = std::process::Command::new("tar")
            .args([
                "-cf".as_ref(),
                tar.as_os_str(),
                "-C".as_ref(),
                dir.path().as_os_str(),
            ])
            .arg("weka-4.4.33")
            .status()
            .expect("tar");
        assert!(status.success());
        let jobs = jobs(dir.path().join("jobs").as_path(), &["weka"]);
        let mut job = job("a-1", &[]);
        job.work = Work::Package(tar);
        jobs.start(&job, &soon()).expect("started");
        let view = ended(&jobs, &job);
        assert_eq!(view.state, JobState::Ended(0));
        assert_eq!(
            String::from_utf8_lossy(&view.output),
            "installed from weka-4.4.33\n"
        );
    }

    #[test]
    fn what_runs_is_found_by_whoever_asks() {
        let dir = tempfile::tempdir().expect("a directory");
        let jobs = jobs(dir.path(), &["sh", "-c"]);
        assert_eq!(jobs.running(&soon()), Ok(None));
        let job = job("a-1", &["sleep 60"]);
        jobs.start(&job, &soon()).expect("started");
        assert_eq!(jobs.running(&soon()), Ok(Some(job.id.clone())));
        let process = std::fs::read_to_string(dir.path().join("a-1/process")).expect("readable");
        let shell: i32 = process
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .expect("a number");
        let shell = rustix::process::Pid::from_raw(shell).expect("a process");
        // Its shell alone is killed: what it ran goes on.
        rustix::process::kill_process(shell, rustix::process::Signal::KILL).expect("killed");
        assert_eq!(
            jobs.look(&job.id, 0, &soon()).expect("seen").state,
            JobState::Running
        );
        let other = super::tests::job("a-2", &["true"]);
        assert_eq!(
            jobs.start(&other, &soon()),
            Err(ExecuteError::Busy(job.id.clone()))
        );
        rustix::process::kill_process_group(shell, rustix::process::Signal::KILL).expect("killed");
        let begun = Instant::now();
        while jobs.running(&soon()) != Ok(None) && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(
            jobs.look(&job.id, 0, &soon()).expect("seen").state,
            JobState::Lost
        );
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told() {
        let jobs = jobs(Path::new("/proc/none"), &["sh", "-c"]);
        let error = jobs
            .start(&job("a-1", &["true"]), &soon())
            .expect_err("not started");
        assert!(error.to_string().contains("/proc/none"), "{error}");
    }
}
