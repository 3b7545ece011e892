//! Splits transcripts into the seeds of every target: `seed OUTPUT TRANSCRIPT…`.
//! Running it again changes nothing.

use std::path::Path;

use wire_fuzz::seeds;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let output = arguments.next().ok_or_else(|| std::io::Error::other("usage: seed OUTPUT TRANSCRIPT..."))?;
    for path in arguments {
        let stem = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (number, (target, bytes)) in seeds(&std::fs::read_to_string(&path)?).into_iter().enumerate() {
            let folder = Path::new(&output).join(target);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("{stem}-{number}")), bytes)?;
        }
    }
    Ok(())
}
