//! Takes the names of people, machines and domains, and addresses, out of what was recorded, and leaves what a
//! diagnosis needs.
//!
//! Redaction knows the structure of what it changes and removes by default: something survives because its field is
//! known to name nobody, never because no name was found in it. So framing cannot break, a name that nobody has thought
//! of cannot stay, and what is redacted gives the same findings. Labels of names become pseudonyms of the same length
//! (equal names stay equal), addresses become ones that are reserved for documentation, identifiers (GUIDs, SIDs,
//! thumbprints) become numbered ones that nobody has.
//!
//! One [`Names`] can be shared by transcripts, captures and recorded states, which then agree. Everything is gone
//! through twice: the first time to meet all names, after [`Names::settle`] to rename them. So no pseudonym is a name
//! that is only met later, and free text is searched for all names.
//!
//! Anything with the form of a pseudonym is taken for one and stays, so redacting twice changes nothing more.
//! The pseudonyms of two bundles that were redacted apart mean different things, and are not told apart when they meet.

mod capture;
pub(crate) mod certificate;
pub(crate) mod copy;
mod labels;
mod names;
mod numbers;
mod prose;

pub use names::Names;
