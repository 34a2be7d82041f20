//! The child process: it loads one library, and passes bytes between it and
//! the host. It understands none of them.
//!
//! Everything that a plugin can break, it breaks here.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::frame::{self, Kind, LONGEST};
use super::process::Limits;
use crate::contract::abi::{Buffer, Entry, EntryFunction};
use crate::contract::wire::{ABI, ENTRY};

/// Serves one library on standard input and output, until the input ends.
///
/// Called in a process of its own, before that has opened anything.
///
/// # Errors
/// When the process can't be shut in, or the host is gone.
pub fn serve(library: &Path) -> io::Result<()> {
    close_inherited()?;
    shut_in(Limits::default())?;
    let (requests, mut answers) = take_pipes()?;
    let plugin = match load(library) {
        Ok(plugin) => plugin,
        Err((kind, text)) => return frame::write(&mut answers, kind, text.as_bytes()),
    };
    frame::write(&mut answers, Kind::Loaded, b"")?;
    answer_all(&plugin, BufReader::new(requests), answers)
}

/// Closes whatever our parent's parents left open.
#[expect(unsafe_code, reason = "descriptors that nobody here owns")]
fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // The directory that was just read is closed already.
        if std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_ok() {
            // SAFETY: this process has opened nothing yet, so whatever is open
            // belongs to nobody in it.
            unsafe { rustix::io::close(fd) };
        }
    }
    Ok(())
}

/// A session of our own, limits, and an end when the host ends.
fn shut_in(limits: Limits) -> io::Result<()> {
    // Refused only where we lead one already.
    let _ = rustix::process::setsid();
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Nothing that it starts has more rights than it has: no `sudo`.
    rustix::thread::set_no_new_privs(true)?;
    // How many processes it may have is not limited: that limit counts all
    // of the user's, wherever they come from, and does not hold root.
    let cpu = limits.cpu.as_secs();
    for (resource, most) in [
        // Some runtimes reserve far more addresses than they ever use.
        (Resource::As, limits.memory.saturating_mul(8)),
        (Resource::Data, limits.memory),
        (Resource::Cpu, cpu),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 64),
    ] {
        // Who may have less already keeps that.
        let most = match getrlimit(resource).maximum {
            Some(known) => known.min(most),
            None => most,
        };
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Takes the two pipes out of the reach of `printf` and `gets`: the plugin's
/// standard input is empty, its standard output is its standard error.
fn take_pipes() -> io::Result<(File, File)> {
    let requests = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    let answers = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    let nothing = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok((requests.into(), answers.into()))
}

/// An error with all that is behind it: of a library that can't be loaded,
/// only the last one names the symbol or the other library that is missing.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

struct Plugin {
    entry: Entry,
    // Never unloaded: threads of the plugin's may still run.
    _library: std::mem::ManuallyDrop<Library>,
}

#[expect(unsafe_code, reason = "loading a library runs its code")]
fn load(path: &Path) -> Result<Plugin, (Kind, String)> {
    let not_loaded = |text: &dyn std::fmt::Display| (Kind::NotLoaded, text.to_string());
    // SAFETY: its initialisers can do anything that the user may. This process
    // holds nothing that they could break.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|error| not_loaded(&with_sources(&error)))?;
    // SAFETY: the symbol's type is agreed in checker_plugin.h; who lies
    // about it crashes this process.
    let entry = unsafe { library.get::<EntryFunction>(ENTRY.as_bytes()) }
        .map_err(|_| not_loaded(&format_args!("it has no symbol `{ENTRY}`: it is no plugin")))?;
    // SAFETY: as above.
    let entry = unsafe { entry() };
    if entry.is_null() {
        return Err(not_loaded(&format_args!("`{ENTRY}` returned null")));
    }
    // SAFETY: not null; the first two members are the same in every ABI.
    let (abi, size) = unsafe { ((*entry).abi, (*entry).size) };
    if abi != ABI {
        return Err((Kind::OtherAbi, abi.to_string()));
    }
    if (size as usize) < std::mem::size_of::<Entry>() {
        return Err(not_loaded(&format_args!(
            "its table has {size} bytes, ABI {ABI} has {}",
            std::mem::size_of::<Entry>()
        )));
    }
    // SAFETY: this ABI, and as long as we take it to be.
    let entry = unsafe { entry.read() };
    Ok(Plugin {
        entry,
        _library: std::mem::ManuallyDrop::new(library),
    })
}

fn answer_all(plugin: &Plugin, mut requests: impl Read, mut answers: impl Write) -> io::Result<()> {
    while let Some((kind, body)) = frame::read(&mut requests)? {
        let (kind, answer) = match kind {
            Kind::Describe => plugin.describe(),
            Kind::Judge => plugin.judge(&body),
            other => return Err(io::Error::other(format!("the host sent {other:?}"))),
        };
        frame::write(&mut answers, kind, &answer)?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "calling the plugin")]
impl Plugin {
    fn describe(&self) -> (Kind, Vec<u8>) {
        let Some(describe) = self.entry.describe else {
            return (Kind::Failed, b"it has no `describe`".to_vec());
        };
        let mut out = Buffer::EMPTY;
        // SAFETY: agreed in checker_plugin.h.
        let code = unsafe { describe(&raw mut out) };
        self.take(code, out)
    }

    fn judge(&self, question: &[u8]) -> (Kind, Vec<u8>) {
        let Some(judge) = self.entry.judge else {
            return (Kind::Failed, b"it has no `judge`".to_vec());
        };
        let mut out = Buffer::EMPTY;
        // SAFETY: agreed in checker_plugin.h.
        let code = unsafe { judge(question.as_ptr(), question.len(), &raw mut out) };
        self.take(code, out)
    }

    /// Copies what the plugin wrote, and gives it back.
    fn take(&self, code: i32, out: Buffer) -> (Kind, Vec<u8>) {
        if out.len > LONGEST {
            return (Kind::TooLong, Vec::new());
        }
        let bytes = if out.data.is_null() || out.len == 0 {
            Vec::new()
        } else {
            // SAFETY: the plugin says that so many bytes are there.
            unsafe { std::slice::from_raw_parts(out.data, out.len) }.to_vec()
        };
        if let Some(free) = self.entry.free {
            // SAFETY: as the plugin gave it, once.
            unsafe { free(out) };
        }
        match code {
            0 => (Kind::Answer, bytes),
            _ if bytes.is_empty() => (Kind::Failed, format!("it returned {code}").into_bytes()),
            _ => (Kind::Failed, bytes),
        }
    }
}
