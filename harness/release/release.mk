# SPDX-License-Identifier: GPL-2.0-only
# The tree as patches, packages and HTML, and what is checked about them.

export QUICK FROM LOCALVERSION

# Not needed to run or test anything
setup-check:
	@harness/setup.sh packages-check.txt

series: tree
	@harness/release/series.py $(BUILD) $(BUILD)/series

bisect: setup-check series
	@harness/release/bisect.sh $(BUILD)

quilt: setup-check series
	@harness/release/quilt.sh $(BUILD)

# CONFIG=file, or small, or that of the running kernel
deb: setup-check tree
	@harness/release/deb.sh $(BUILD) $(CONFIG)

# CHECK='names' does only those
check: setup-check series
	@harness/check.sh $(BUILD) $(CHECK)

# CROSS='names' does only those
cross: setup-check tree
	@harness/cross.sh $(BUILD) $(CROSS)

unchanged: tree
	@harness/release/unchanged.sh $(BUILD)

setup-docs:
	@harness/setup.sh packages-docs.txt

docs: setup-docs tree
	@harness/docs.sh $(LINUX) $(BUILD)/docs

.PHONY: setup-check series bisect quilt deb check cross unchanged setup-docs docs
