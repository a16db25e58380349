//! Writes what is generated from the definition of the trip to `statemachines/`:
//! `cargo run -p saga-core --example generate`.

#[path = "../tests/generated/files.rs"]
mod files;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (path, text) in files::all()? {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
