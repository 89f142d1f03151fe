# The targets that people and CI run, the same ones. `make help` lists them.

CARGO       ?= cargo
TARGET_DIR  := $(or $(CARGO_TARGET_DIR),target)
PROGRAMS    := dkimproxy-out dkimproxy-in
SAMPLES     := dkimproxy_out.conf dkimproxy_in.conf sender_map

# Where `make install` puts things. INITDIR=/etc/init.d for systems without systemd; a configuration file that is there
# already is left alone, and the sample put beside it as FILE.new.
DESTDIR     ?=
PREFIX      ?= /usr/local
CONFDIR     ?= /etc/dkimproxy
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
INITDIR     ?=
SOAK        ?= --seconds 3600

# What the tests use of a Debian system. Where it is missing and cannot be installed, tests are skipped aloud.
PACKAGES   := postfix opendkim opendkim-tools libmail-dkim-perl python3-dkim python3-nacl swaks

.DEFAULT_GOAL := help
.PHONY: help build demo test packages lint ring docs bench soak deny fuzz install uninstall clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## the two programs, optimized, in target/release
	$(CARGO) build --release --locked -p dkimproxy-out -p dkimproxy-in

demo: ## both daemons at work, with nothing installed but Rust
	@$(CARGO) build --quiet --locked -p dkimproxy-out -p dkimproxy-in -p integration-tests --bins
	@DKIMPROXY_BIN_DIR=$(TARGET_DIR)/debug $(TARGET_DIR)/debug/demo

# One target folder, one profile and one set of features throughout, so that nothing is built twice: the programs are built
# together with the tests that start them.
test: packages lint ## everything that must be true; installs Debian packages if it may
	$(CARGO) build --locked --workspace --lib --bins --tests
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
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --offline check licenses bans sources; \
	else echo "SKIPPED: cargo deny (not installed)"; fi

ring: ## the core's tests once more, with ring in the place of aws-lc-rs
	$(CARGO) test --locked -p dkimproxy-core --no-default-features --features ring

docs: ## the API documentation, without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items

bench: build ## canonicalize, hash, sign, verify, large maps; then both daemons over sockets, beside other filters
	$(CARGO) bench --locked -p dkimproxy-core -p dkimproxy-out
	$(CARGO) build --locked -p integration-tests --bin bench
	DKIMPROXY_BIN_DIR=$(abspath $(TARGET_DIR))/release $(TARGET_DIR)/debug/bench

soak: build ## an hour of mail while everything around the daemons fails; SOAK="--seconds 120" makes it two minutes
	$(CARGO) build --locked -p integration-tests --bin soak
	DKIMPROXY_BIN_DIR=$(abspath $(TARGET_DIR))/release $(TARGET_DIR)/debug/soak $(SOAK)

deny: ## licences, sources and duplicates of what we depend on (advisories too, where the network allows)
	$(CARGO) deny --offline check licenses bans sources
	-$(CARGO) deny check advisories

fuzz: ## each fuzz target for a minute; needs cargo-fuzz and a nightly compiler
	cd integration-tests/fuzz && for target in $$($(CARGO) fuzz list); do \
		$(CARGO) fuzz run $$target -- -max_total_time=60 || exit 1; \
	done

install: build ## programs, manual pages, samples and units; PREFIX and DESTDIR count
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(CONFDIR)
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR)
	install -m 755 $(PROGRAMS:%=$(TARGET_DIR)/release/%) $(DESTDIR)$(PREFIX)/bin/
	for program in $(PROGRAMS); do \
		$(TARGET_DIR)/release/$$program manual > $(DESTDIR)$(PREFIX)/share/man/man8/$$program.8 || exit 1; \
		sed 's#/usr/bin/dkimproxy#$(PREFIX)/bin/dkimproxy#' etc/systemd/$$program.service \
			> $(DESTDIR)$(UNITDIR)/$$program.service || exit 1; \
	done
	install -m 644 etc/sysusers.d/dkimproxy.conf $(DESTDIR)$(SYSUSERSDIR)/
	for name in $(SAMPLES); do \
		new=$(DESTDIR)$(CONFDIR)/$$name; if [ -e $$new ]; then new=$$new.new; fi; \
		install -m 644 etc/$$name $$new || exit 1; \
	done
	if [ -n "$(INITDIR)" ]; then \
		install -d $(DESTDIR)$(INITDIR) && \
		sed 's#^BINDIR=.*#BINDIR=$(PREFIX)/bin#' etc/init.d/dkimproxy > $(DESTDIR)$(INITDIR)/dkimproxy && \
		chmod 755 $(DESTDIR)$(INITDIR)/dkimproxy; \
	fi

uninstall: ## takes away what install put there, and leaves the configuration
	cd $(DESTDIR)$(PREFIX) && rm -f $(PROGRAMS:%=bin/%) $(PROGRAMS:%=share/man/man8/%.8)
	cd $(DESTDIR)$(UNITDIR) && rm -f $(PROGRAMS:%=%.service)
	rm -f $(DESTDIR)$(SYSUSERSDIR)/dkimproxy.conf $(if $(INITDIR),$(DESTDIR)$(INITDIR)/dkimproxy)

clean: ## what was built
	$(CARGO) clean
