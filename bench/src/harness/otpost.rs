//! The product's binary: where it is, and building it when it is missing.

use std::{
    env,
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
    /// `given`, else the binary beside this one, else a fresh release build of the workspace.
    pub(crate) fn locate(given: Option<&Path>) -> Result<Self> {
        if let Some(given) = given {
            let binary = given.canonicalize().map_err(while_doing(&given.display().to_string()))?;
            return Ok(Self { binary });
        }
        let own = env::current_exe()?;
        let beside = own.with_file_name("otpost");
        if beside.is_file() {
            return Ok(Self { binary: beside });
        }
        Self::build()
    }

    fn build() -> Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        eprintln!("no otpost binary beside this one: cargo build --release -p otpost");
        let built = Command::new(env::var("CARGO").as_deref().unwrap_or("cargo"))
            .args(["build", "--release", "-p", "otpost"])
            .current_dir(&workspace)
            .status()
            .map_err(while_doing("running cargo"))?;
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
        let binary = target.join("release/otpost");
        if built.success() && binary.is_file() {
            return Ok(Self { binary });
        }
        Err("otpost could not be built; give its path with --otpost".into())
    }

    /// `otpost <role> --config <file>`, ready to start.
    pub(crate) fn command(&self, role: &str, config: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(role).arg("--config").arg(config);
        without_settings(&mut command);
        command
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
