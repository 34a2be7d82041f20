//! The one connection to the backend that runs the cluster's commands for us.
//!
//! The commands come from several threads at once, and the probes of that
//! server take the same connection, so that it sees one like every other.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use super::child::poll_until;
use super::failed;
use super::session::{Lane, Link};
use super::system_ssh::Shared;
use super::talk::Talk;
use crate::deadline::Deadline;
use crate::server::{ReachError, Step, Transport};

/// How many channels are open at once: sshd's MaxSessions is 10 by default.
const AT_ONCE: usize = 8;

/// A connection that several scripts share.
pub(super) enum Via {
    Ours(Line),
    System(Box<Shared>),
}

impl Via {
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Ours(_) => Transport::Ssh,
            Self::System(_) => Transport::SystemSsh,
        }
    }

    /// The address at the other end, where we know it.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Ours(line) => Some(line.peer),
            Self::System(_) => None,
        }
    }

    /// Runs one script.
    pub(super) fn converse(
        &self,
        remote: &str,
        mut talk: Talk,
        deadline: &Deadline,
    ) -> (Talk, Result<(), ReachError>) {
        match self {
            Self::Ours(line) => line.converse(remote, talk, deadline),
            Self::System(shared) => {
                let result = shared.converse(remote, &mut talk, deadline);
                (talk, result)
            }
        }
    }
}

struct Job {
    remote: String,
    talk: Talk,
    deadline: Deadline,
    reply: Sender<(Talk, Result<(), ReachError>)>,
}

/// A session of our own, served by a thread: libssh2 can serve only one
/// caller at a time, and what one reads from the socket may be for another.
pub(super) struct Line {
    jobs: Sender<Job>,
    /// A byte in here wakes the thread.
    wake: OwnedFd,
    peer: IpAddr,
}

impl Line {
    /// Lets a thread serve this session until the last handle is dropped.
    pub(super) fn new(link: Link) -> io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let (jobs, inbox) = mpsc::channel();
        let peer = link.peer.ip().to_canonical();
        std::thread::Builder::new()
            .name("via".to_owned())
            .spawn(move || serve(&link, &inbox, &woken))?;
        Ok(Self { jobs, wake, peer })
    }

    fn converse(
        &self,
        remote: &str,
        talk: Talk,
        deadline: &Deadline,
    ) -> (Talk, Result<(), ReachError>) {
        let (reply, answer) = mpsc::channel();
        let job = Job {
            remote: remote.to_owned(),
            talk,
            deadline: deadline.clone(),
            reply,
        };
        let gone = || {
            failed(
                Step::Local,
                "the thread of the connection is gone".to_owned(),
            )
        };
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            return (job.talk, Err(gone()));
        }
        // A full pipe wakes it as well.
        let _ = rustix::io::write(&self.wake, &[0]);
        // The thread honours the deadline: it only must not be waited for for ever.
        let patience = deadline.remaining() + Duration::from_secs(5);
        match answer.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                (Talk::new(Vec::new()), Err(gone()))
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The thread looks round when woken, and finds that nobody can ask any more.
        let _ = rustix::io::write(&self.wake, &[0]);
    }
}

fn serve(link: &Link, inbox: &Receiver<Job>, woken: &OwnedFd) {
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut running: Vec<(Job, Lane)> = Vec::new();
    loop {
        loop {
            match inbox.try_recv() {
                Ok(job) => waiting.push_back(job),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if waiting.is_empty() && running.is_empty() => {
                    return;
                }
                Err(TryRecvError::Disconnected) => break,
            }
        }
        waiting.retain_mut(|job| {
            let over = job.deadline.passed();
            if over {
                let words = "its time was up before its turn had come".to_owned();
                answer(job, Err(failed(Step::Deadline, words)));
            }
            !over
        });
        // libssh2 opens one channel at a time.
        if running.len() < AT_ONCE
            && !running.iter().any(|(_, lane)| lane.is_opening())
            && let Some(job) = waiting.pop_front()
        {
            let lane = Lane::new(job.remote.clone());
            running.push((job, lane));
        }
        let mut progress = false;
        let mut wanted = PollFlags::IN;
        let mut wake_at = None;
        running.retain_mut(|(job, lane)| {
            let was_opening = lane.is_opening();
            let result = link.advance(lane, &mut job.talk, &job.deadline);
            progress |= lane.progress || result.is_some() || was_opening != lane.is_opening();
            wanted |= lane.wanted;
            wake_at = [wake_at, job.talk.wake_at()].into_iter().flatten().min();
            match result {
                Some(result) => {
                    answer(job, result);
                    false
                }
                None => true,
            }
        });
        if progress {
            continue;
        }
        // Not all deadlines are asked for: poll looks round often enough.
        let mut fds = vec![PollFd::new(woken, PollFlags::IN)];
        // Between two commands nothing comes that anyone waits for, and a
        // socket that was closed would never let us rest.
        if !running.is_empty() {
            fds.push(PollFd::new(link.socket(), wanted));
        }
        let ever = Deadline::within(Duration::from_secs(1));
        if poll_until(&mut fds, wake_at, &ever).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        while matches!(rustix::io::read(woken, &mut [0; 64]), Ok(count) if count > 0) {}
    }
}

fn answer(job: &mut Job, result: Result<(), ReachError>) {
    let talk = std::mem::replace(&mut job.talk, Talk::new(Vec::new()));
    // Nobody may be waiting any more.
    let _ = job.reply.send((talk, result));
}
