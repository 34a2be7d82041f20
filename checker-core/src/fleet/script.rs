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
//!   SIGTERM, the second time SIGKILL; what hangs in the kernel even then is left
//!   behind, and the next section begins. The number is that of the
//!   section modulo 2, so that a word that arrives late ends nothing else.
//!
//! The cost: one fork for that shell and one for each section; no exec. Only
//! when something must be ended are the processes looked for in /proc: a
//! non-interactive shell has no process group per job, and what a section has
//! started must be gone before the next one prints. So a probe must stay in
//! its session. The watching shell ignores SIGTERM, which would end its `read`.
//!
//! ## What is not ours
//! A script of somebody else's may `kill 0`, at its end or by mistake, and that
//! would be all of the above. So what is not ours runs in a session of its own
//! ([`APART`]), led by a shell in between, so that `$PPID` is not ours either.
//! The number of the session is that of the section's process, by which it is
//! ended like any other; what it leaves behind is ended with it. Where there is
//! no `setsid` it runs like our own.

use std::fmt::Write as _;

/// Quotes text so that a POSIX shell reads it as one word, whatever it holds.
///
/// The one function through which text gets into a shell command.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Shell text that runs its arguments as a command, apart from us.
///
/// The section's process becomes the leader of the session: it leads no process
/// group before, so that `setsid` need not fork. `exit` keeps the shell in
/// between from making way for the command.
pub(crate) const APART: &str = r#"command -v setsid >/dev/null 2>&1 && exec setsid sh -c '"$@"; exit' sh "$@"
exec "$@"
"#;

/// A text of somebody else's as one that runs it apart from us.
pub(super) fn apart(text: &str) -> String {
    format!("set -- sh -c {} sh\n{APART}", quote(text))
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
n= w= g= p=
# Sends a signal to whatever a section has started, and counts it: what is in
# our session, if we have one of our own, else what is in our process group,
# and what is in the session of the section, if that has one. Not to ourselves, nor to those whom we run for (a sudo, someone's wrapper).
z() {
  read -r l <"/proc/$$/stat"
  set -- "$1" ${l##*) }
  v=$5 o=$4
  [ "$v" = "$o" ] || v=
  a=" $$ $d " i=$3
  while [ "$i" -gt 1 ] && read -r l <"/proc/$i/stat"; do
    a="$a$i "
    set -- "$1" ${l##*) }
    i=$3
  done
  k=0
  for f in /proc/[0-9]*/stat; do
    read -r l <"$f" || continue
    i=${f#/proc/}
    i=${i%/stat}
    set -- "$1" ${l##*) }
    [ "$4" = "$o" ] || [ "$5" = "$v" ] || [ "$5" = "$p" ] || continue
    case $2 in Z | X) continue ;; esac
    case $a in *" $i "*) continue ;; esac
    k=$((k + 1))
    kill -"$1" "$i"
  done
}
c() {
  # Any signal ends the wait; what it was meant for decides on the rest.
  w=1
  if [ "$n" ] && [ "$((n % 2))" = "$1" ]; then
    if [ "$g" ]; then g=2 && z KILL; else g=1 && z TERM; fi
  fi
}
# The end of everything. The section's own group comes first: we may be killed soon.
b() {
  trap "" HUP TERM
  kill -TERM -"$p"
  sleep 0.1
  kill -KILL -"$p"
  z KILL
  exit 129
}
trap 'c 0' USR1
trap 'c 1' USR2
trap b HUP TERM
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
  ( exec 2>&4 4>&-; n= w= g= d= p=; eval "$2" ) </dev/null &
  p=$!
  wait "$p"
  r=$?
  while [ "$w" ]; do
    w=
    [ "$g" = 2 ] && break
    wait "$p"
    q=$?
    [ "$q" = 127 ] || r=$q
  done
  n=
  # What it left running in a group of its own.
  kill -TERM -"$p"
  # What it has started may live on for a moment, and must not print into the
  # next section.
  if [ "$g" ]; then
    q=TERM
    for x in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
      [ "$x" -gt 8 ] && q=KILL
      [ "$g" = 2 ] && q=KILL
      z "$q"
      [ "$k" = 0 ] && break
      sleep 0.05
    done
  fi
  printf '\n%s E %s %s\n' "$m" "$1" "$r" >&4
  printf '\n%s E %s %s\n' "$m" "$1" "$r"
}
"#;

const EPILOGUE: &str = r#"kill -KILL "$d"
printf '\n%s Z\n' "$m" >&4
printf '\n%s Z\n' "$m"
exit 0
}
"#;
