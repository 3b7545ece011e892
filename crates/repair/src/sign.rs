//! Signs `.rdp` files, so that clients can tell who published them and that nobody changed them since.
//!
//! mstsc warns of every unsigned file since its updates of April 2026. Nothing here was tried on a real Windows
//! machine: the form is that of [`ToSign`], and our own reader verifies every file before it is written.

use std::io;
use std::path::{Path, PathBuf};

use evidence::rdp_file::{BYTES_LIMIT, RdpFile, RdpFileError, RdpFileRecord, RdpSignature, Signer};
use evidence::signing::{ToSign, Unsignable};
use thiserror::Error;

use crate::file;
use crate::publisher::{Publisher, PublisherError};

/// Letters behind the name of a file that is kept as it was.
pub const KEPT: &str = ".bak";

/// Reason why a file was not signed. It is as it was before.
#[derive(Debug, Error)]
pub enum SignError {
    /// It could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The place of the copy of the old file is taken.
    #[error("{0} exists already: move it away, or write the signed files to another folder")]
    Kept(String),
    /// The place of the signed file is taken.
    #[error("{0} exists already")]
    Taken(String),
    /// It is no `.rdp` file.
    #[error("{0}")]
    NoRdpFile(#[from] RdpFileError),
    /// It cannot be signed as it stands.
    #[error("{0}")]
    Unsignable(#[from] Unsignable),
    /// The publisher cannot sign.
    #[error("{0}")]
    Publisher(#[from] PublisherError),
    /// Our own reader does not verify what was made.
    #[error("the signature that was made does not verify: this is a fault of this program")]
    Unverified,
}

/// Place of the signed file.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Nowhere: everything is done but for the writing.
    Nowhere,
    /// In place of the old one, of which a copy is kept beside it. A copy that is there already stays, and does for a
    /// file that only gets a new signature in place of its old one.
    Here,
    /// Here; a file that is there already stays.
    At(&'a Path),
}

/// Signed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Path of the signed file, if it was written.
    pub path: Option<PathBuf>,
    /// Path of the copy of the old file, if one was made now.
    pub kept: Option<PathBuf>,
    /// True if the old file had a signature.
    pub had_one: bool,
    /// True if the old file had a signature that did not fit its settings any more: somebody changed them since.
    pub was_broken: bool,
    /// Verdict of our reader on the new one.
    pub signer: Signer,
}

/// Signs the bytes of a file. The result was verified by our own reader.
pub fn signed(publisher: &Publisher, bytes: &[u8]) -> Result<(Vec<u8>, Signer), SignError> {
    let ready = ToSign::of(&RdpFile::parse(bytes)?)?;
    let signature = publisher.sign(&ready.content)?;
    let bytes = ready.with(&signature).encode();
    match RdpFileRecord::of("", &RdpFile::parse(&bytes)?).signature {
        RdpSignature::Valid(signer) if signer.contradicted.is_empty() => Ok((bytes, signer)),
        _ => Err(SignError::Unverified),
    }
}

/// Signs a file.
pub fn sign(publisher: &Publisher, path: &Path, place: Place<'_>) -> Result<Signed, SignError> {
    let old = file::read(path, BYTES_LIMIT)?;
    let parsed = RdpFile::parse(&old)?;
    let had_one = parsed.value("signature").is_some();
    let was_broken = matches!(RdpFileRecord::of("", &parsed).signature, RdpSignature::Broken { .. });
    let (bytes, signer) = signed(publisher, &old)?;
    let (path, kept) = match place {
        Place::Nowhere => (None, None),
        Place::Here => {
            let kept = file::beside(path, KEPT);
            let kept = match file::create_like(&kept, &old, path) {
                Err(error) if had_one && error.kind() == io::ErrorKind::AlreadyExists => None,
                done => done.map(|()| Some(kept.clone())).map_err(|error| taken(error, &kept, SignError::Kept))?,
            };
            file::replace(path, &bytes)?;
            (Some(path.to_owned()), kept)
        }
        Place::At(place) => {
            file::create_like(place, &bytes, path).map_err(|error| taken(error, place, SignError::Taken))?;
            (Some(place.to_owned()), None)
        }
    };
    Ok(Signed { path, kept, had_one, was_broken, signer })
}

fn taken(error: io::Error, path: &Path, say: fn(String) -> SignError) -> SignError {
    if error.kind() == io::ErrorKind::AlreadyExists { say(path.display().to_string()) } else { error.into() }
}
