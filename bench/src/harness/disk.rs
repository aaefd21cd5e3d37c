//! A small disk of its own for one folder, to be filled up: a `tmpfs`, which only root may mount.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::Uid;

use super::find;
use crate::error::Result;

#[derive(Debug)]
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Why there can be no such disk here, if there cannot.
    pub(crate) fn is_missing() -> Option<String> {
        if !Uid::effective().is_root() {
            return Some("only root may mount a small tmpfs; run it as root".to_owned());
        }
        let tried = tempfile::tempdir().map_err(Into::into);
        let tried = tried.and_then(|folder| Self::mount(folder.path(), 1).map(drop));
        tried.err().map(|error| format!("no tmpfs can be mounted here: {error}"))
    }

    /// Puts a disk of so many megabytes over an existing folder.
    pub(crate) fn mount(folder: &Path, megabytes: u32) -> Result<Self> {
        let mounted = Command::new(find("mount")?)
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,mode=755"), "otpost-bench"])
            .arg(folder)
            .output()?;
        if mounted.status.success() {
            return Ok(Self { folder: folder.to_owned() });
        }
        Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned().into())
    }

    /// Writes until nothing more fits.
    pub(crate) fn fill(&self) -> Result<()> {
        let mut file = File::options().create(true).append(true).open(self.filler())?;
        let zeroes = vec![0; 64 * 1024];
        for size in [64 * 1024, 4 * 1024] {
            while file.write_all(&zeroes[..size]).is_ok() {}
        }
        Ok(())
    }

    /// Gives the room back.
    pub(crate) fn empty(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whatever still has a file open there keeps it until it ends.
        let umount = find("umount")
            .map(|umount| Command::new(umount).arg("--lazy").arg(&self.folder).status());
        drop(umount);
    }
}
