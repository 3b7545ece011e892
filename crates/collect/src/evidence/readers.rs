//! The list of readers.

use super::reader::Reader;
use super::{
    bundle, capture, client_log, evtx, exports_csv, exports_json, exports_text, exports_xml, firewall_log,
    firewall_rules, gnome, gpresult, hive, journal, procmon, rdp_file, registry_export, script, state, transcript,
    watched, xrdp, xrdp_log,
};

/// Every kind, the most telling first.
pub(super) const READERS: &[Reader] = &[
    bundle::READER,
    state::READER,
    hive::READER,
    evtx::READER,
    transcript::READER,
    capture::READER,
    watched::READER,
    procmon::READER,
    procmon::pml::READER,
    registry_export::READER,
    exports_xml::READER,
    exports_csv::READER,
    exports_json::READER,
    exports_text::READER,
    firewall_log::READER,
    firewall_rules::READER,
    firewall_rules::powershell::READER,
    firewall_rules::profiles::READER,
    gpresult::READER,
    journal::READER,
    xrdp_log::READER,
    xrdp::READER,
    gnome::READER,
    client_log::READER,
    rdp_file::READER,
    script::READER,
];
