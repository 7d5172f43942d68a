//! The binary `greenroom`. Everything it can do is in `server::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main(server::run::run)
}
