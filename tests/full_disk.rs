//! A disk that fills up, and is freed again.

use crate::harness::{Events, Home, Office, Place, eventually, texts};
use serde_json::json;
use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// A small disk of its own. Unmounted when the test ends.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// None where mounting is not permitted.
    fn mount(place: &Place, mib: usize) -> Option<Self> {
        let path = place.path("disk");
        fs::create_dir(&path).unwrap();
        let size = format!("size={mib}m,mode=700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output();
        mount.is_ok_and(|done| done.status.success()).then_some(Self { path })
    }

    /// Writes until nothing more goes in.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("ballast");
        let mut file = File::create(&path).unwrap();
        let block = [7; 4096];
        let full = std::iter::repeat_with(|| file.write_all(&block)).find_map(Result::err).unwrap();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

fn on(disk: &Path, office: &Office) -> Home {
    let mut home = office.place.home("carla");
    home.path = disk.join("carla");
    home
}

#[test]
fn a_full_disk_is_told_nothing_is_acknowledged_and_with_space_it_goes_on() {
    let office = Office::open();
    let Some(disk) = Disk::mount(&office.place, 12) else {
        let why = "it mounts a small tmpfs, and that is not permitted here";
        // Where this is set, as in CI, nothing is skipped.
        assert!(std::env::var_os("FRONTDESK_NO_SKIPS").is_none(), "skipped: {why}");
        let mut past_the_capture = io::stderr();
        return writeln!(past_the_capture, "full disk: skipped, {why}").unwrap();
    };
    let home = on(&disk.path, &office);
    home.init("customer", "Carla");
    let carla = home.run();
    let thread = office.contact(&carla, "Hello");
    let path = format!("/v1/threads/{thread}/messages");
    let say = |text: &str| carla.api().post(&path, &json!({ "text": text }));
    assert_eq!(say("before").status, 201);

    let events = Events::open(&carla.api(), &format!("/v1/events?thread={thread}"));
    let ballast = disk.fill();
    let mut answered = vec!["Hello".to_owned(), "before".to_owned()];
    // The store may have room in files that it has already.
    let refused = (0..2000).find_map(|number| {
        let text = format!("{number:04} {}", "x".repeat(2000));
        let answer = say(&text);
        if answer.status == 201 {
            answered.push(text);
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("the disk never got full");
    assert_eq!((refused.status, refused.word().as_str()), (503, "storage"), "{}", refused.body);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("space"), "{message}");
    // Opened again, the store may have made room in files that it has: then it takes more, and keeps it.
    let told = carla.call(&["--json", "send", &thread, "or in vain"]).run();
    match told.exit {
        Some(0) => answered.push("or in vain".to_owned()),
        exit => assert_eq!(exit, Some(1), "{}{}", told.out, told.err),
    }

    fs::remove_file(ballast).unwrap();
    eventually("it goes on", || (say("after").status == 201).then_some(()));
    answered.push("after".to_owned());
    // A step that failed may have been stored, and never told: who listens is told to look.
    events.next("to be told to look", |event| event.kind == "lagged" && event.body["missed"].is_null());
    eventually("Acme has all that was acknowledged", || {
        let found = texts(&office.acme, &thread);
        answered.iter().all(|text| found.contains(text)).then_some(())
    });
    let found = texts(&office.acme, &thread);
    assert_eq!(found, answered);
    let carla = carla.kill().run();
    assert_eq!(texts(&carla, &thread), answered);
}
