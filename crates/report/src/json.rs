//! The published JSON, `rdpdoctor/1`, for people and programs.

use super::format::Format;

/// Entry in the list of formats.
pub(super) const FORMAT: Format = Format {
    id: "json",
    about: "the published JSON, schema rdpdoctor/1",
    render: |diagnosis, _| diagnosis.to_json() + "\n",
    status: None,
    failure: None,
};
