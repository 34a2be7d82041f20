//! What a plugin can do wrong.

/// What a plugin did wrong. Each reads on after "the plugin NAME".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its process could not be started: a fault of the machine.
    #[error("was not started: {0}")]
    NotStarted(String),
    /// It is no library, or one that this machine can't load.
    #[error("can't be loaded: {0}")]
    NotLoaded(String),
    /// It speaks a binary interface that this release does not know.
    #[error(
        "speaks ABI {found}, and this release knows only {known}: it was built for another checker"
    )]
    OtherAbi {
        /// What it says.
        found: String,
        /// What we speak.
        known: u32,
    },
    /// It did not answer in time.
    #[error("gave no answer within {seconds} s, so it was ended")]
    Hung {
        /// How long it had.
        seconds: u64,
    },
    /// All its calls together took too long.
    #[error("has used up its {seconds} s for all questions together, so it was ended")]
    UsedUp {
        /// How long it had.
        seconds: u64,
    },
    /// Its process ended.
    #[error("ended in the middle of a question: {how}{}", last_words(.said))]
    Ended {
        /// Signal or exit status.
        how: String,
        /// The first line that it printed, if any.
        said: String,
    },
    /// It printed more than is kept.
    #[error("printed without end, so it was ended")]
    Flood,
    /// The question is longer than what is passed on.
    #[error("could not be asked: its evidence is {0} MiB")]
    LongQuestion(usize),
    /// Its answer is longer than any could be.
    #[error("answered more than 8 MiB")]
    TooLong,
    /// It broke into the pipe that its answers go through.
    #[error("wrote into what is not its own: {0}")]
    Frame(String),
    /// It said itself that it failed.
    #[error("says that it failed: {0}")]
    Failed(String),
    /// Its answer is not of the form that was agreed.
    #[error("answered what is not understood: {0}")]
    Unreadable(String),
    /// It answered for a check that was not asked.
    #[error("was asked about {asked} and answered for {answered}")]
    OtherCheck {
        /// The question.
        asked: String,
        /// The answer.
        answered: String,
    },
    /// It answered about a target that was not asked.
    #[error("answered about {0:?}, about which it was not asked")]
    OtherTarget(String),
    /// It answered twice about one target.
    #[error("answered twice about {0:?}")]
    Twice(String),
    /// It left a target out.
    #[error("did not answer about this target")]
    LeftOut,
    /// It did something wrong before, and its process is gone.
    #[error("is not asked any more; it {0}")]
    Gone(String),
}

fn last_words(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    }
}
