//! The engines that the suite runs on.

use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{CHECKS, Subject, model};
use crate::{MasterKey, MemoryStore, PowerCut, Sealed, Store};

fn run(name: &str, cases: u32, open: impl Fn() -> Box<dyn Subject>) {
    for (check, function) in CHECKS {
        // Shown by the harness if the check fails.
        eprintln_check(name, check);
        function(&mut *open());
    }
    model::check(cases, &open);
}

#[expect(clippy::print_stderr, reason = "names the failing check of the suite")]
fn eprintln_check(name: &str, check: &str) {
    eprintln!("{name}: {check}");
}

/// The map itself is the disk, so opening it again is a power cut.
struct Memory(MemoryStore);

impl Subject for Memory {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(&mut self) {
        self.0.flush().unwrap();
        self.0.crash();
    }
}

struct Switched(PowerCut<MemoryStore>);

impl Subject for Switched {
    fn store(&self) -> &dyn Store {
        &self.0
    }

    fn reopen(&mut self) {
        self.0.flush().unwrap();
        self.0.cut();
    }
}

struct SealedMemory {
    disk: Arc<MemoryStore>,
    store: Sealed<Arc<MemoryStore>>,
    seed: u64,
}

impl SealedMemory {
    fn open(disk: Arc<MemoryStore>, seed: u64) -> Self {
        let store = Sealed::open(disk.clone(), &MasterKey::from([7; 32]), ChaCha20Rng::seed_from_u64(seed));
        Self { store: store.unwrap(), disk, seed }
    }
}

impl Subject for SealedMemory {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn reopen(&mut self) {
        self.store.flush().unwrap();
        self.disk.crash();
        *self = Self::open(self.disk.clone(), self.seed + 1);
    }
}

#[test]
fn memory_conforms() {
    run("memory", 128, || Box::new(Memory(MemoryStore::new())));
}

#[test]
fn sealed_memory_conforms() {
    run("sealed memory", 48, || Box::new(SealedMemory::open(Arc::default(), 0)));
}

#[test]
fn memory_under_a_power_cut_conforms() {
    run("memory under a power cut", 128, || Box::new(Switched(PowerCut::new(MemoryStore::new()))));
}

#[cfg(feature = "sled")]
mod durable {
    use tempfile::TempDir;

    use super::*;
    use crate::{MAX_ENGINE_VALUE, SledOptions, SledStore};

    fn open(home: &TempDir) -> SledStore {
        SledStore::open(home.path(), &SledOptions::default()).unwrap()
    }

    struct Durable {
        store: Option<SledStore>,
        home: TempDir,
    }

    impl Subject for Durable {
        fn store(&self) -> &dyn Store {
            self.store.as_ref().unwrap()
        }

        fn reopen(&mut self) {
            self.store.take().unwrap().close().unwrap();
            self.store = Some(open(&self.home));
        }

        fn largest(&self) -> usize {
            MAX_ENGINE_VALUE
        }
    }

    /// A reopening cuts the power after a flush, and closes nothing in order.
    struct SwitchedDurable {
        store: Option<PowerCut<SledStore>>,
        home: TempDir,
    }

    impl Subject for SwitchedDurable {
        fn store(&self) -> &dyn Store {
            self.store.as_ref().unwrap()
        }

        fn reopen(&mut self) {
            let store = self.store.take().unwrap();
            store.flush().unwrap();
            store.cut();
            drop(store);
            self.store = Some(PowerCut::new(open(&self.home)));
        }

        fn largest(&self) -> usize {
            MAX_ENGINE_VALUE
        }
    }

    struct SealedDurable {
        store: Option<Sealed<SledStore>>,
        home: TempDir,
        seed: u64,
    }

    impl SealedDurable {
        fn seal(engine: SledStore, seed: u64) -> Sealed<SledStore> {
            Sealed::open(engine, &MasterKey::from([7; 32]), ChaCha20Rng::seed_from_u64(seed)).unwrap()
        }
    }

    impl Subject for SealedDurable {
        fn store(&self) -> &dyn Store {
            self.store.as_ref().unwrap()
        }

        fn reopen(&mut self) {
            self.store.take().unwrap().into_engine().close().unwrap();
            self.seed += 1;
            self.store = Some(Self::seal(open(&self.home), self.seed));
        }
    }

    #[test]
    fn sled_conforms() {
        run("sled", 24, || {
            let home = TempDir::new().unwrap();
            Box::new(Durable { store: Some(open(&home)), home })
        });
    }

    #[test]
    fn sled_under_a_power_cut_conforms() {
        run("sled under a power cut", 24, || {
            let home = TempDir::new().unwrap();
            Box::new(SwitchedDurable { store: Some(PowerCut::new(open(&home))), home })
        });
    }

    #[test]
    fn sealed_sled_conforms() {
        run("sealed sled", 24, || {
            let home = TempDir::new().unwrap();
            Box::new(SealedDurable { store: Some(SealedDurable::seal(open(&home), 0)), home, seed: 0 })
        });
    }
}
