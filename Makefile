# The targets that people and CI run, the same ones. `make help` lists them.

CARGO      ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DESTDIR    ?=

# What the tests use of a Debian system. Where it is missing and cannot be installed, tests are skipped aloud.
PACKAGES   := postfix opendkim opendkim-tools libmail-dkim-perl python3-dkim python3-nacl swaks

.DEFAULT_GOAL := help
.PHONY: help build demo test packages lint ring docs bench deny fuzz install uninstall clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the two programs, optimized, in target/release
	$(CARGO) build --release --locked -p dkimproxy-out -p dkimproxy-in

demo: ## both daemons at work, with nothing installed but Rust
	@$(CARGO) build --quiet --locked -p dkimproxy-out -p dkimproxy-in -p integration-tests --bins
	@DKIMPROXY_BIN_DIR=$(TARGET_DIR)/debug $(TARGET_DIR)/debug/demo

# One target folder and one profile throughout, so that nothing is built twice. `cargo test` also builds the two programs
# (they have tests of their own), and the tests that start them take them from there.
test: packages lint ## everything that must be true; installs Debian packages if it may
	$(CARGO) test --locked --workspace --no-run
	$(CARGO) build --locked --workspace --bins
	DKIMPROXY_BIN_DIR=$(abspath $(TARGET_DIR))/debug $(CARGO) test --locked --workspace
	$(MAKE) ring docs

packages:
	@missing=; for package in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "not installed, so some tests will be skipped:$$missing"; fi

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

ring: ## the core's tests once more, with ring in the place of aws-lc-rs
	$(CARGO) test --locked -p dkimproxy-core --no-default-features --features ring

docs: ## the API documentation, without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items

bench: ## canonicalize, hash, sign and verify against the bare crypto
	$(CARGO) bench --locked -p dkimproxy-core

deny: ## licences, sources and duplicates of what we depend on (advisories too, where the network allows)
	$(CARGO) deny --offline check licenses bans sources
	-$(CARGO) deny check advisories

fuzz: ## each fuzz target for a minute; needs cargo-fuzz and a nightly compiler
	cd integration-tests/fuzz && for target in $$($(CARGO) fuzz list); do \
		$(CARGO) fuzz run $$target -- -max_total_time=60 || exit 1; \
	done

install: build ## programs, manual pages, samples and units; PREFIX and DESTDIR count
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(SYSCONFDIR)/dkimproxy
	install -m 755 $(TARGET_DIR)/release/dkimproxy-out $(TARGET_DIR)/release/dkimproxy-in $(DESTDIR)$(PREFIX)/sbin/
	for program in dkimproxy-out dkimproxy-in; do \
		$(TARGET_DIR)/release/$$program manual > $(DESTDIR)$(PREFIX)/share/man/man8/$$program.8 || exit 1; \
	done
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR)
	for file in etc/*.service etc/*.socket; do \
		if [ -f $$file ]; then sed 's#/usr/sbin/#$(PREFIX)/sbin/#' $$file > $(DESTDIR)$(UNITDIR)/$${file##*/}; fi; \
	done
	for file in etc/*sysusers*; do if [ -f $$file ]; then install -m 644 $$file $(DESTDIR)$(SYSUSERSDIR)/dkimproxy.conf; fi; done
	for file in etc/*; do case $$file in *.service|*.socket|*sysusers*) ;; *) \
		name=$(DESTDIR)$(SYSCONFDIR)/dkimproxy/$${file##*/}; \
		if [ -e $$name ]; then install -m 644 $$file $$name.new; else install -m 644 $$file $$name; fi ;; \
	esac; done

uninstall: ## takes away what install put there, and leaves the configuration
	rm -f $(DESTDIR)$(PREFIX)/sbin/dkimproxy-out $(DESTDIR)$(PREFIX)/sbin/dkimproxy-in
	rm -f $(DESTDIR)$(PREFIX)/share/man/man8/dkimproxy-out.8 $(DESTDIR)$(PREFIX)/share/man/man8/dkimproxy-in.8
	for file in etc/*.service etc/*.socket; do rm -f $(DESTDIR)$(UNITDIR)/$${file##*/}; done
	rm -f $(DESTDIR)$(SYSUSERSDIR)/dkimproxy.conf

clean: ## what was built
	$(CARGO) clean
