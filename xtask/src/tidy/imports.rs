//! Laws of the house: which crate may use which, no import against the order of the floors of a crate, and no circle of
//! more than four files. The graph is read from the code's own paths (`use`, `crate::…`, `super::…`), without its
//! tests.

use std::collections::{BTreeMap, BTreeSet};

use super::rust::{body_end, code_only};
use super::{Complaint, File};

/// Most files of a circle.
const CIRCLE: usize = 4;

/// Crates, each with those of ours that it may use; what is not listed is forbidden to it.
const CRATES: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("evidence", &["wire"]),
    ("diagnosis", &["wire", "evidence"]),
    // it may not look at evidence: what it tells of it, it finds in a Diagnosis
    ("report", &["diagnosis"]),
    ("os", &[]),
    ("collect", &["wire", "evidence", "diagnosis", "os"]),
    ("repair", &["wire", "evidence", "diagnosis"]),
    ("lab", &["wire"]),
    ("cli", &["wire", "evidence", "diagnosis", "report", "collect", "repair", "lab"]),
];

/// Floors of crates from the ground up, each with its modules: an import may go down or stay on its floor.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "evidence",
        &[
            "captured ciphers firewall ini lossless moment path places printable security windows",
            "bundle key_names profile target",
        ],
    ),
    (
        "evidence",
        &[
            "access codes events rdp_file redaction section symptom",
            "state",
            "evidence fact sketch",
            "hive observe signing stage telling",
        ],
    ),
    (
        "diagnosis",
        &[
            "accesses as_client attempts audit case claims hops mtu notices path tries turns watched",
            "cause need pace stage survey",
        ],
    ),
    (
        "diagnosis",
        &[
            "client earlier identity keys linux logs refusals regressions server setting timeline value xrdp",
            "causes fixes ladder order report",
        ],
    ),
    (
        "repair",
        &[
            "file hand hive place publisher",
            "groups ratchet sign",
            "offline",
            "make plan",
            "journal remedy remedy_offline",
            "run",
            "guard",
            "linux",
        ],
    ),
    ("diagnosis", &["assemble next planner diagnose", "compare control interview naming sketch", "watch"]),
    (
        "report",
        &["door", "format guides messages search xml", "captured human_timeline subject_words survey_words words"],
    ),
    ("report", &["subject_words words", "machines scripts", "screen"]),
    (
        "report",
        &[
            "comparison html human human_screen json jsonl junit nagios sarif watch",
            "explain formats",
            "book code_pages",
        ],
    ),
];

/// Complains about every import that the laws forbid.
pub fn judge(files: &[File]) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = files.iter().flat_map(forbidden_crates).collect();
    for (name, _) in CRATES {
        let graph = Graph::of(name, files);
        complaints.extend(graph.upwards(name));
        complaints.extend(graph.circles().into_iter().filter(|circle| circle.len() > CIRCLE).map(|circle| {
            format!("crates/{name}: a circle of {} files, at most {CIRCLE}: {}", circle.len(), circle.join(", "))
        }));
    }
    complaints
}

/// Reads the `[dependencies]` of a crate's Cargo.toml.
fn forbidden_crates(file: &File) -> Vec<Complaint> {
    let Some(name) = file.path.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml")) else {
        return Vec::new();
    };
    let allowed = CRATES.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, allowed)| allowed);
    let mut inside = false;
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(file.text.lines()) {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        }
        let used = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let ours = CRATES.iter().any(|(known, _)| *known == used);
        if inside && ours && !allowed.contains(&used) {
            complaints.push(format!("{}:{number}: {name} may not use {used}", file.path));
        }
    }
    complaints
}

/// Modules of a crate (`stage/tls`; the root is empty), each with those that it names.
struct Graph {
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn of(name: &str, files: &[File]) -> Self {
        let start = format!("crates/{name}/src/");
        let mut sources: BTreeMap<String, String> = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in files {
            let Some(path) = file.path.strip_prefix(&start).and_then(|path| path.strip_suffix(".rs")) else { continue };
            let module = match path {
                "lib" | "main" => "",
                path => path.strip_suffix("/mod").unwrap_or(path),
            };
            let (code, of_tests) = without_tests(&code_only(&file.text));
            tests.extend(of_tests.into_iter().map(|child| below(module, &child)));
            sources.insert(module.to_owned(), code);
        }
        sources.retain(|module, _| !tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/"))));
        let uses = sources.iter().map(|(module, code)| (module.clone(), named(module, code, &sources))).collect();
        Self { uses }
    }

    /// Complains about imports from a lower floor to a higher one.
    fn upwards(&self, name: &str) -> Vec<Complaint> {
        let floors = FLOORS.iter().filter(|(known, _)| *known == name).flat_map(|(_, floors)| floors.iter());
        let floors: Vec<Vec<&str>> = floors.map(|floor| floor.split(' ').collect()).collect();
        let floor = |module: &str| {
            let first = module.split('/').next().unwrap_or_default();
            floors.iter().position(|floor| floor.contains(&first))
        };
        let mut complaints = Vec::new();
        for (module, used) in &self.uses {
            if !floors.is_empty() && !module.is_empty() && floor(module).is_none() {
                complaints.push(format!("crates/{name}: {module} is on no floor (xtask/src/tidy/imports.rs)"));
            }
            for other in used {
                if floor(module).zip(floor(other)).is_some_and(|(own, other)| own < other) {
                    complaints.push(format!("crates/{name}: {module} uses {other}, which is on a higher floor"));
                }
            }
        }
        complaints
    }

    /// Finds the circles: sets of more than one module that all reach each other.
    fn circles(&self) -> Vec<Vec<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.uses.keys().map(|from| (from.as_str(), self.reach(from))).collect();
        let mut circles: Vec<Vec<&str>> = Vec::new();
        for from in reached.keys() {
            if circles.iter().any(|circle| circle.contains(from)) {
                continue;
            }
            let circle: Vec<&str> =
                reached[from].iter().copied().filter(|other| reached[other].contains(from)).collect();
            if circle.len() > 1 {
                circles.push(circle);
            }
        }
        circles
    }

    fn reach(&self, from: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.uses[from].iter().map(String::as_str).collect();
        while let Some(module) = open.pop() {
            if seen.insert(module) {
                open.extend(self.uses[module].iter().map(String::as_str));
            }
        }
        seen
    }
}

fn below(module: &str, child: &str) -> String {
    if module.is_empty() { child.to_owned() } else { format!("{module}/{child}") }
}

/// Blanks modules that are compiled for tests alone, and names those that are files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    let (mut kept, mut files, mut rest) = (String::new(), Vec::new(), code);
    while let Some(at) = rest.find("#[cfg(") {
        let attribute = &rest[at..];
        let end = attribute.find(")]").map_or(attribute.len(), |end| end + 2);
        let (condition, after) = attribute.split_at(end);
        let item = after.trim_start();
        let module = ["mod ", "pub mod ", "pub(crate) mod "].iter().find_map(|start| item.strip_prefix(start));
        kept.push_str(&rest[..at]);
        rest = after;
        let Some(module) = module.filter(|_| condition.contains("test")) else { continue };
        let name: String = module.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        match body_end(module) {
            Some(end) => rest = &module[end..],
            None => files.push(name),
        }
    }
    (kept + rest, files)
}

/// Returns the modules that a module's code names.
fn named(module: &str, code: &str, sources: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut paths = Vec::new();
    let mut plain = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let whole = rest[..at].chars().next_back().is_none_or(|before| before.is_whitespace());
        let Some(end) = rest[at..].find(';').filter(|_| whole) else {
            plain.push_str(&rest[..at + 4]);
            rest = &rest[at + 4..];
            continue;
        };
        plain.push_str(&rest[..at]);
        flatten(&rest[at + 4..at + end], &mut Vec::new(), &mut paths);
        rest = &rest[at + end..];
    }
    plain.push_str(rest);
    for start in ["crate::", "super::"] {
        for (at, _) in plain.match_indices(start) {
            if plain[..at].ends_with("(in ")
                || plain[..at]
                    .chars()
                    .next_back()
                    .is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':')
            {
                continue;
            }
            let path: String = plain[at..]
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | ':'))
                .collect();
            paths.push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
    }
    let modules = paths.iter().filter_map(|path| resolve(module, path, sources));
    modules.filter(|other| other != module && !other.is_empty()).collect()
}

/// Takes a tree of imports apart.
fn flatten(tree: &str, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let (head, inside) = match tree.find('{') {
        Some(at) => (&tree[..at], tree[at + 1..].rsplit_once('}').map_or("", |(inside, _)| inside)),
        None => (tree, ""),
    };
    let depth = before.len();
    let parts = head.split("::").map(|part| part.split(" as ").next().unwrap_or_default().trim());
    before.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    if inside.is_empty() {
        paths.push(before.clone());
    }
    let (mut start, mut open) = (0, 0_usize);
    for (at, letter) in inside.char_indices().chain([(inside.len(), ',')]) {
        match letter {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ',' if open == 0 => {
                if !inside[start..at].trim().is_empty() {
                    flatten(&inside[start..at], before, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    before.truncate(depth);
}

/// Finds the module of this crate that a path leads to; `None` for one that leads elsewhere.
fn resolve(module: &str, path: &[String], sources: &BTreeMap<String, String>) -> Option<String> {
    let mut place: Vec<&str> = if module.is_empty() { Vec::new() } else { module.split('/').collect() };
    let mut rest = path.iter().map(String::as_str).peekable();
    match *rest.peek()? {
        "crate" => {
            rest.next();
            place.clear();
        }
        "self" => drop(rest.next()),
        "super" => {
            while rest.next_if_eq(&"super").is_some() {
                place.pop()?;
            }
        }
        first if sources.contains_key(&below(module, first)) => {}
        _ => return None,
    }
    place.extend(rest);
    (0..=place.len()).rev().map(|length| place[..length].join("/")).find(|module| sources.contains_key(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<Complaint> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        judge(&files.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn a_crate_may_use_what_is_listed_and_no_other() {
        let manifest = "[dependencies]\nevidence.workspace = true\n[dev-dependencies]\nlab.workspace = true\n";
        assert_eq!(complaints(&[("crates/diagnosis/Cargo.toml", manifest)]), Vec::<String>::new());
        let told = complaints(&[("crates/report/Cargo.toml", manifest)]);
        assert_eq!(told, ["crates/report/Cargo.toml:2: report may not use evidence"]);
    }

    #[test]
    fn no_import_goes_up() {
        let fact = ("crates/evidence/src/fact.rs", "use crate::{state::State, observe};\n");
        let told = complaints(&[fact, ("crates/evidence/src/state.rs", ""), ("crates/evidence/src/observe.rs", "")]);
        assert_eq!(told, ["crates/evidence: fact uses observe, which is on a higher floor"]);
        let nowhere = complaints(&[("crates/evidence/src/attic.rs", "")]);
        assert!(nowhere[0].contains("attic is on no floor"), "{nowhere:?}");
    }

    #[test]
    fn five_files_in_a_circle_are_too_many() {
        let path = |number: usize| format!("crates/lab/src/room{number}.rs");
        let ring = |rooms: usize| {
            let text = |number: usize| format!("fn go() {{ crate::room{}::go() }}\n", (number + 1) % rooms);
            let files: Vec<(String, String)> = (0..rooms).map(|number| (path(number), text(number))).collect();
            let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            complaints(&files)
        };
        assert_eq!(ring(4), Vec::<String>::new());
        assert!(ring(5)[0].starts_with("crates/lab: a circle of 5 files"), "{:?}", ring(5));
    }

    /// A test may import whatever it likes, in its module or in a file of its own.
    #[test]
    fn tests_do_not_count() {
        let state = "#[cfg(test)]\nmod far;\n#[cfg(all(test, unix))]\nmod tests {\n    use crate::observe::x;\n}\n";
        let far = ("crates/evidence/src/state/far.rs", "use crate::observe;\n");
        let files = [("crates/evidence/src/state.rs", state), far, ("crates/evidence/src/observe.rs", "")];
        assert_eq!(complaints(&files), Vec::<String>::new());
    }
}
