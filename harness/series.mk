# SPDX-License-Identifier: GPL-2.0-only
# The tree as patches and packages, and what is checked about them.

setup-check:
	@harness/setup.sh packages-check.txt

series: setup-check tree
	@harness/series.py $(BUILD) $(BUILD)/series

bisect: series
	@harness/bisect.sh $(BUILD)

quilt: series
	@harness/quilt.sh $(BUILD)

# CONFIG=file, or that of the running kernel
deb: setup-check tree
	@harness/deb.sh $(BUILD) $(CONFIG)

.PHONY: setup-check series bisect quilt deb
