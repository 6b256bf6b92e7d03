# Thin on purpose: each target is a script of tools/, or one cargo command. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test verify fix bench soak package

# LANG is also the locale's name in every environment: it means a language only on make's own command line,
# and then it is kept from the programs, whose locale it is not.
ifeq ($(origin LANG),command line)
unexport LANG
DEMO += --lang '$(LANG)'
endif
ifeq ($(origin URL),command line)
DEMO += --url '$(URL)'
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building and testing need beyond the toolchains
	@tools/setup.sh

demo: ## run the departures demo, consumers killed on the way: [LANG=rust|python|node|go|all] [URL=redis://…] [ARGS=…]
	@tools/demo.sh $(DEMO) $(ARGS)

test: ## build, package, install and test everything, on memory and on Redis
	@tools/test.sh

verify: ## check format, lints, docs, types, tree rules and licences; changes nothing
	@tools/verify.sh

fix: ## mend what verify can mend
	@tools/fix.sh

bench: ## measure, beside peers: [ARGS="maps|streams ROUNDS"]
	@tools/bench.sh $(ARGS)

soak: ## run the long randomised tests: [ARGS=…]
	@tools/run.sh ponos-tests --bin soak $(ARGS)

package: ## build the wheel, the npm tarball and the Go module, and install them under target/
	@tools/package.sh all
	@tools/install.sh all
