//! Runs every file of `CORPUS/TARGET/` through its target: `replay CORPUS…`. Built with `-C instrument-coverage` it
//! shows which lines a corpus reaches.

fn main() -> std::io::Result<()> {
    for corpus in std::env::args().skip(1) {
        for (target, run) in wire_fuzz::TARGETS {
            let Ok(files) = std::fs::read_dir(std::path::Path::new(&corpus).join(target)) else { continue };
            let mut count = 0_usize;
            for file in files {
                run(&std::fs::read(file?.path())?);
                count += 1;
            }
            println!("{corpus} {target}: {count} files");
        }
    }
    Ok(())
}
