//! Wine, in a prefix of its own: made once, kept below `target`, and alive as long as this value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::WINE;
use crate::shell;

const SERVER: &str = "/usr/lib/wine/wineserver64";
/// Longest time in which Wine has to write a new prefix.
const PATIENCE: Duration = Duration::from_mins(4);
/// Seconds that the server waits for the next program: starting it anew takes three.
const LINGERS: &str = "-p300";
/// Build of Windows that programs are told; Wine 8 itself knows none newer than 18362.
const BUILD: &str = "26100";
const VERSION: &str = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
/// Variables of every program: no windows, no downloads, no menus, no words of Wine's own.
const QUIET: &[(&str, &str)] = &[("WINEDEBUG", "-all"), ("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe=d")];

/// A running Wine; its server ends with this value.
pub struct Wine {
    prefix: PathBuf,
    script: PathBuf,
    keeper: Option<Child>,
}

impl Wine {
    /// Makes the prefix unless it is there, and starts its server.
    pub fn prepare(folder: &Path) -> Result<Self> {
        let (prefix, script) = (folder.join("wine"), folder.join("run"));
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let mut wine = Self { prefix, script, keeper: None };
        wine.write_script()?;
        // one that another run left behind may be about to end
        let _ = wine.command(SERVER, &["-k"]).status();
        let complete = wine.prefix.join("complete");
        if !complete.is_file() {
            // half a prefix is worse than none
            let _ = fs::remove_dir_all(&wine.prefix);
        }
        fs::create_dir_all(&wine.prefix).context("make Wine's prefix")?;
        shell::stream(wine.command(SERVER, &[LINGERS]))?;
        if !complete.is_file() {
            wine.boot()?;
            for value in ["CurrentBuild", "CurrentBuildNumber"] {
                wine.program(&["reg", "add", VERSION, "/v", value, "/d", BUILD, "/f"])?;
            }
            fs::write(&complete, "").context("mark Wine's prefix as complete")?;
        }
        wine.keep()?;
        Ok(wine)
    }

    /// Returns the script that runs a program for Windows in this prefix.
    pub fn script(&self) -> &Path {
        &self.script
    }

    fn write_script(&self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let quiet: Vec<String> = QUIET.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        let text = format!(
            "#!/bin/sh\n# runs a program for Windows: run PROGRAM.EXE ARGUMENTS\nunset DISPLAY\n\
             exec env WINEPREFIX='{}' {} {WINE} \"$@\"\n",
            self.prefix.display(),
            quiet.join(" ")
        );
        fs::write(&self.script, text).context("write the script that runs Wine")?;
        fs::set_permissions(&self.script, fs::Permissions::from_mode(0o755)).context("make that script a program")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("WINEPREFIX", &self.prefix).envs(QUIET.iter().copied()).env_remove("DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn program(&self, arguments: &[&str]) -> Result<()> {
        shell::stream(self.command(WINE, arguments))
    }

    /// Starts a program that only waits. The first program starts Wine's own ones, which end after the last; they
    /// inherit its output, so that whoever reads that to its end would wait for them.
    fn keep(&mut self) -> Result<()> {
        let mut command = self.command(WINE, &["cmd"]);
        command.stdin(Stdio::piped());
        self.keeper = Some(command.spawn().context("start Wine's cmd")?);
        self.program(&["cmd", "/c", "exit"])
    }

    /// Makes the prefix. Its registry is written a while after the program that makes it has ended.
    fn boot(&self) -> Result<()> {
        self.program(&["wineboot", "-i"])?;
        let (start, registry) = (Instant::now(), self.prefix.join("system.reg"));
        while !registry.is_file() {
            if start.elapsed() > PATIENCE {
                bail!("Wine wrote no registry within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // ends the server of this prefix with its programs, and nothing else
        let _ = self.command(SERVER, &["-k"]).status();
        if let Some(mut keeper) = self.keeper.take() {
            let _ = keeper.wait();
        }
    }
}
