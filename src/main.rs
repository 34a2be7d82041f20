//! placeholder

#[cfg_attr(not(test), expect(dead_code, reason = "the command line comes next"))]
mod log;

fn main() {}
