# SPDX-License-Identifier: GPL-2.0-only
# The tree as patches and packages, and what is checked about them.

series: tree
	@harness/series.py $(BUILD) $(BUILD)/series

bisect: series
	@harness/bisect.sh $(BUILD)

.PHONY: series bisect
