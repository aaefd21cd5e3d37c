//! The product's binary: the given one, or one built of the sources as they are.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::error::{Result, while_doing};

#[derive(Clone, Debug)]
pub(crate) struct Otpost {
    binary: PathBuf,
}

impl Otpost {
    /// `given`, else a build of the workspace: what was built of older sources is not measured.
    pub(crate) fn locate(given: Option<&Path>) -> Result<Self> {
        if let Some(given) = given {
            let binary = given.canonicalize().map_err(while_doing(&given.display().to_string()))?;
            return Ok(Self { binary });
        }
        Self::build()
    }

    /// In the profile of this program; does nothing when it is up to date.
    fn build() -> Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (profile, folder) =
            if cfg!(debug_assertions) { ("dev", "debug") } else { ("release", "release") };
        note!("cargo build --profile {profile} -p otpost");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile, "-p", "otpost"])
            .current_dir(&workspace)
            .status()
            .map_err(while_doing("running cargo"))?;
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let binary = target.join(folder).join("otpost");
        if built.success() && binary.is_file() {
            return Ok(Self { binary });
        }
        Err("otpost could not be built; give its path with --otpost".into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.binary
    }

    /// `otpost <role> --config <file>`, ready to start.
    pub(crate) fn command(&self, role: &str, config: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(role).arg("--config").arg(config);
        without_settings(&mut command);
        command
    }

    /// Whether `otpost <role> --help` names this option.
    pub(crate) fn has_option(&self, role: &str, option: &str) -> bool {
        let asked = Command::new(&self.binary).args([role, "--help"]).output();
        asked.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains(option))
    }

    pub(crate) fn migrate(&self, config: &Path) -> Result<()> {
        self.run(&mut self.command("migrate", config)).map(drop)
    }

    /// A new API key of the default tenant.
    pub(crate) fn create_key(&self, config: &Path) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command.args(["key", "create", "--json", "--config"]).arg(config);
        without_settings(&mut command);
        let printed = self.run(&mut command)?;
        let made: Value = serde_json::from_str(&printed)
            .map_err(while_doing("reading what `otpost key create --json` printed"))?;
        let key = made["key"].as_str();
        Ok(key.ok_or("`otpost key create --json` names no key")?.to_owned())
    }

    fn run(&self, command: &mut Command) -> Result<String> {
        let shown = format!("{command:?}");
        let ended = command.output().map_err(while_doing(&self.binary.display().to_string()))?;
        if ended.status.success() {
            return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        Err(format!("{shown} ended with {}: {words}", ended.status).into())
    }
}

/// Settings of the caller's shell must not leak into what is measured.
fn without_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("OTPOST_") {
            command.env_remove(name);
        }
    }
}
