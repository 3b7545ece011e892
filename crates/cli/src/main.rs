//! The `rdpdoctor` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    rdpdoctor_cli::main()
}
