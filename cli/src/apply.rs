//! Writes patched files into a folder: all of them or none, each whole, and only over the very bytes that the patch was made
//! from.
//!
//! A file is reached folder by folder without following a link, compared, and replaced by a new file beside it (a rename,
//! so that nobody ever reads half of one) with the mode of the old one. Where one cannot be replaced, those before it are put
//! back. It decides nothing about what is to be written; that is `commands/fix.rs`.

use crate::failure::Failure;
use ligase_domain::RepoPath;
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fstat, open, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// One file that is to be replaced.
pub struct Rewrite {
    /// Where it lies below the folder.
    pub path: RepoPath,
    /// What must stand there now.
    pub old: Vec<u8>,
    /// What is to stand there.
    pub new: Vec<u8>,
}

/// A file whose new bytes lie beside it.
struct Prepared<'a> {
    rewrite: &'a Rewrite,
    folder: OwnedFd,
    name: &'a OsStr,
    temporary: String,
    mode: Mode,
}

/// Replaces all of these files, or none.
pub fn rewrite(root: &Path, files: &[Rewrite]) -> Result<(), Failure> {
    let mut prepared: Vec<Prepared<'_>> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        match prepare(root, file, number) {
            Ok(one) => prepared.push(one),
            Err(failure) => {
                prepared.iter().for_each(clear);
                return Err(failure);
            }
        }
    }
    for at in 0..prepared.len() {
        let one = &prepared[at];
        // The moment between this look and the rename is the shortest that a file system offers.
        let same = still(&one.folder, one.name, &one.rewrite.old, &one.rewrite.path).map(|_| ());
        let moved = same.and_then(|()| {
            renameat(&one.folder, &one.temporary, &one.folder, one.name).map_err(|e| failed(&one.rewrite.path, e))
        });
        if let Err(failure) = moved {
            prepared[at..].iter().for_each(clear);
            return Err(back(&prepared[..at], failure));
        }
    }
    // What was renamed is there after a crash too, where the file system promises that at all.
    for one in &prepared {
        let _ = rustix::fs::fsync(&one.folder);
    }
    Ok(())
}

fn prepare<'a>(root: &Path, rewrite: &'a Rewrite, number: usize) -> Result<Prepared<'a>, Failure> {
    let path = &rewrite.path;
    let mut parts: Vec<&[u8]> = path.as_bytes().split(|b| *b == b'/').collect();
    let named = |part: &&[u8]| !part.is_empty() && **part != *b"." && **part != *b"..";
    let name = parts.pop().filter(named).filter(|_| parts.iter().all(named));
    let name = OsStr::from_bytes(name.ok_or_else(|| changed(path, "it is no path below the folder"))?);
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut folder = open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|e| failed(path, e))?;
    for part in parts {
        folder = openat(&folder, OsStr::from_bytes(part), flags, Mode::empty()).map_err(|e| failed(path, e))?;
    }
    let mode = still(&folder, name, &rewrite.old, path)?;
    let temporary = format!(".ligase-{}-{number}.tmp", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let new = openat(&folder, &temporary, flags, Mode::RUSR | Mode::WUSR).map_err(|e| failed(path, e))?;
    let prepared = Prepared { rewrite, folder, name, temporary, mode };
    let mut file = File::from(new);
    let written = file
        .write_all(&rewrite.new)
        .and_then(|()| fchmod(&file, mode).map_err(std::io::Error::from))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        clear(&prepared);
        let said = format!("{path}: {error}");
        return Err(Failure::look("E-FIX-WRITE", said, "make room, or make the folder writable; nothing was changed"));
    }
    Ok(prepared)
}

/// The mode of a file that still holds these bytes.
fn still(folder: &OwnedFd, name: &OsStr, old: &[u8], path: &RepoPath) -> Result<Mode, Failure> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = openat(folder, name, flags, Mode::empty()).map_err(|e| failed(path, e))?;
    let stat = fstat(&opened).map_err(|e| failed(path, e))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(changed(path, "it is no regular file"));
    }
    let mut bytes = Vec::with_capacity(old.len());
    let read = File::from(opened).take(old.len() as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| failed(path, Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
    if bytes != old {
        return Err(changed(path, "it changed while the patch was being made"));
    }
    Ok(Mode::from_raw_mode(stat.st_mode & 0o7777))
}

fn clear(prepared: &Prepared<'_>) {
    // It is gone where the rename has taken it.
    let _ = unlinkat(&prepared.folder, &prepared.temporary, AtFlags::empty());
}

/// Puts back what was replaced already, so that a patch is never half there.
fn back(replaced: &[Prepared<'_>], failure: Failure) -> Failure {
    let restore = |p: &Prepared<'_>| -> Result<(), Failure> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = &p.rewrite.path;
        still(&p.folder, p.name, &p.rewrite.new, path)?;
        let fd = openat(&p.folder, &p.temporary, flags, Mode::RUSR | Mode::WUSR).map_err(|e| failed(path, e))?;
        let mut file = File::from(fd);
        let written = file.write_all(&p.rewrite.old).and_then(|()| fchmod(&file, p.mode).map_err(std::io::Error::from));
        written.map_err(|e| failed(path, Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
        renameat(&p.folder, &p.temporary, &p.folder, p.name).map_err(|e| failed(path, e))
    };
    for one in replaced {
        if let Err(second) = restore(one) {
            let said = format!("{failure}; and {} was written and could not be put back: {second}", one.rewrite.path);
            return Failure::look("E-FIX-HALF", said, "restore the named file from git");
        }
    }
    failure
}

fn failed(path: &RepoPath, error: Errno) -> Failure {
    match error {
        Errno::LOOP | Errno::NOTDIR => changed(path, "a symbolic link stands in its path"),
        Errno::NOENT => changed(path, "it is gone"),
        _ => Failure::look("E-FIX-WRITE", format!("{path}: {error}"), "make the folder writable; nothing was changed"),
    }
}

fn changed(path: &RepoPath, why: &str) -> Failure {
    Failure::look("E-FIX-CHANGED", format!("{path}: {why}"), "run `ligase fix` again; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn file(path: &str, old: &str, new: &str) -> Rewrite {
        Rewrite { path: path.into(), old: old.into(), new: new.into() }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut all: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        all.sort();
        all
    }

    #[test]
    fn files_are_replaced_with_their_modes_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/run.py"), "old").unwrap();
        fs::set_permissions(folder.path().join("bin/run.py"), fs::Permissions::from_mode(0o754)).unwrap();
        fs::write(folder.path().join("a.py"), "one").unwrap();
        rewrite(folder.path(), &[file("a.py", "one", "two"), file("bin/run.py", "old", "new")]).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("bin/run.py")).unwrap(), "new");
        assert_eq!(fs::read_to_string(folder.path().join("a.py")).unwrap(), "two");
        assert_eq!(fs::metadata(folder.path().join("bin/run.py")).unwrap().permissions().mode() & 0o7777, 0o754);
        assert_eq!(
            (names(folder.path()), names(&folder.path().join("bin"))),
            (vec!["a.py".into(), "bin".into()], vec!["run.py".into()])
        );
    }

    #[test]
    fn where_one_file_is_not_as_it_was_none_is_written() {
        for spoil in ["changed", "gone", "link", "folder-link", "fifo"] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            fs::create_dir_all(root.join("sub")).unwrap();
            fs::write(root.join("a.py"), "one").unwrap();
            let (target, outside) = (root.join("sub/b.py"), folder.path().join("outside.py"));
            fs::write(&target, "two").unwrap();
            fs::write(&outside, "two").unwrap();
            match spoil {
                "changed" => fs::write(&target, "other").unwrap(),
                "gone" => fs::remove_file(&target).unwrap(),
                "link" => {
                    fs::remove_file(&target).unwrap();
                    symlink(&outside, &target).unwrap();
                }
                "fifo" => {
                    fs::remove_file(&target).unwrap();
                    rustix::fs::mknodat(rustix::fs::CWD, &target, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
                }
                _ => {
                    fs::rename(root.join("sub"), folder.path().join("sub")).unwrap();
                    symlink(folder.path().join("sub"), root.join("sub")).unwrap();
                }
            }
            let before = names(&root);
            assert!(rewrite(&root, &[file("a.py", "one", "1"), file("sub/b.py", "two", "2")]).is_err(), "{spoil}");
            assert_eq!(fs::read_to_string(root.join("a.py")).unwrap(), "one", "{spoil}");
            assert_eq!(fs::read_to_string(&outside).unwrap(), "two", "{spoil}");
            assert_eq!(names(&root), before, "{spoil}: nothing is left beside it");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), "two").unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        assert!(rewrite(&folder.path().join("root"), &[file("../x", "two", "2")]).is_err(), "no way out");
    }

    #[test]
    fn what_was_replaced_is_put_back_where_a_later_file_fails() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.py"), "one").unwrap();
        fs::write(folder.path().join("b.py"), "two").unwrap();
        let (a, b) = (file("a.py", "one", "1"), file("b.py", "two", "2"));
        let prepared = [prepare(folder.path(), &a, 0).unwrap(), prepare(folder.path(), &b, 1).unwrap()];
        renameat(&prepared[0].folder, &prepared[0].temporary, &prepared[0].folder, prepared[0].name).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a.py")).unwrap(), "1");
        back(&prepared[..1], changed(&"b.py".into(), "x"));
        clear(&prepared[1]);
        assert_eq!(fs::read_to_string(folder.path().join("a.py")).unwrap(), "one");
        assert_eq!(names(folder.path()), ["a.py", "b.py"]);
    }
}
