//! The one script that runs on a server, and carries every probe.
//!
//! It is POSIX shell text on the standard input of `sh -s`, so that neither the
//! login shell nor its profile matters, nothing is written on the server, and
//! no command line grows too long.
//!
//! ## How a section is kept within its limits
//! `timeout` and `head` would cost a fork and an exec each, three times per
//! section (time, both outputs): with a dozen probes that alone is most of the
//! 50 ms of CPU that a check may cost a server. `timeout` also waits for ever
//! for what hangs in the kernel, as `df` does over a dead NFS mount. So the side
//! that reads keeps watch, since it has to anyway: it sees when a section
//! began and how much it has printed, and when that is too long or too much it
//! says so on the standard input that the script no longer needs. There a
//! second shell (one fork for the whole script) waits for the word:
//!
//! - `a`: from now on, an end of input means that the connection broke, and
//!   everything is ended. (Not before, so that the text also works as
//!   `ssh HOST sh -s <script`.)
//! - `0`, `1`: the running section shall end. The first time its processes get
//!   SIGTERM. The second time, when something does not let itself be ended, the
//!   section is left behind and the next one begins. The number is that of the
//!   section modulo 2, so that a word that arrives late ends nothing else.
//!
//! The cost: one fork for that shell and one for each section; no exec.
//! A non-interactive shell has no process group per job, so SIGTERM goes to
//! the whole group (sshd makes one per session, we make one for a local
//! child); the script's own shell survives it by its trap, which a section does not
//! inherit, and the watching one ignores it (a signal would end its `read`).

use std::fmt::Write as _;

/// Quotes text so that a POSIX shell reads it as one word, whatever it holds.
///
/// The one function through which text gets into a shell command.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The script that runs these shell texts, one after the other, framed by
/// lines with `marker`.
///
/// `marker` must have a `-` inside: the script holds its two halves apart, so
/// that a shell that echoes its input prints no frame.
pub(super) fn build<'t>(marker: &str, texts: impl Iterator<Item = &'t str>) -> String {
    let (head, tail) = marker.split_once('-').unwrap_or((marker, ""));
    // In one pair of braces, so that the shell has read all of it before any
    // of it runs: nothing can eat the rest of the script.
    let mut script = format!("{{\nm={head}; m=$m-{tail}\n{PROLOGUE}");
    for (n, text) in texts.enumerate() {
        // Quoted and evaluated, so that a syntax error costs only its own section.
        let _ = writeln!(script, "s {n} {}", quote(text));
    }
    script.push_str(EPILOGUE);
    script
}

const PROLOGUE: &str = r#"set +e
umask 077
unset CDPATH ENV BASH_ENV LANG LANGUAGE LD_LIBRARY_PATH LD_PRELOAD
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
cd /
exec 3<&0 4>&2 </dev/null 2>/dev/null
n= w= g= k=
c() {
  # Any signal ends the wait; what it was meant for decides on the rest.
  w=1
  if [ "$n" ] && [ "$((n % 2))" = "$1" ]; then
    if [ "$g" ]; then g=2; else g=1; kill -TERM 0; fi
  fi
}
trap 'w=1' TERM
trap 'c 0' USR1
trap 'c 1' USR2
trap 'exit 129' HUP
(
  trap "" TERM
  a=
  while read -r l; do
    case $l in
    a) a=1 ;;
    0) kill -USR1 "$$" ;;
    1) kill -USR2 "$$" ;;
    esac
  done
  if [ "$a" ]; then
    kill -HUP "$$"
    kill -TERM 0
    sleep 1
    kill -KILL 0
  fi
) <&3 >/dev/null 4>&- &
d=$!
exec 3<&-
s() {
  printf '\n%s B %s\n' "$m" "$1" >&4
  printf '\n%s B %s\n' "$m" "$1"
  g= w= n=$1
  ( exec 2>&4 4>&-; n= w= g= d=; eval "$2" ) </dev/null &
  p=$!
  wait "$p"
  r=$?
  while [ "$w" ]; do
    w=
    if [ "$g" = 2 ]; then
      kill -KILL "$p"
      k=1
      break
    fi
    wait "$p"
    q=$?
    [ "$q" = 127 ] || r=$q
  done
  n=
  printf '\n%s E %s %s\n' "$m" "$1" "$r" >&4
  printf '\n%s E %s %s\n' "$m" "$1" "$r"
}
"#;

const EPILOGUE: &str = r#"kill -KILL "$d"
printf '\n%s Z\n' "$m" >&4
printf '\n%s Z\n' "$m"
# What was left behind goes with us.
[ "$k" ] && kill -KILL 0
exit 0
}
"#;
