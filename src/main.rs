//! placeholder

#[cfg_attr(not(test), expect(dead_code, reason = "the command line comes next"))]
mod log;
#[cfg_attr(not(test), expect(dead_code, reason = "the command line comes next"))]
mod progress;

fn main() {}
