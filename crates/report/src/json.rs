//! The published JSON, `rdpdoctor/1`, for people and programs.

use super::door::Door;
use super::format::Format;

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "json",
    about: "the published JSON, schema rdpdoctor/1",
    render: |diagnosis, _| diagnosis.to_json() + "\n",
    door: Door::Json,
    status: None,
    failure: None,
};
