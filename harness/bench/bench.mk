# SPDX-License-Identifier: GPL-2.0-only
# `make bench`: what mapping memory for a device costs, on this kernel and on others.
# BENCH=row measures a part of it, PROFILE=1 names the functions that were executed.

BENCH_OUT := $(BUILD)/bench
export BENCH PROFILE

# Kernels: the source as packaged; this tree; this tree with /dev/vfio/vfio being an iommufd.
# One more comes from another package and is made by peer.sh.
BENCH_KERNELS := stock ours calls
bench-stock_LINUX = $(TREE)/source
bench-stock_CONFIG = harness/config/bench.config
bench-ours_LINUX = $(LINUX)
bench-ours_CONFIG = $(bench-stock_CONFIG) harness/config/builtin.config
bench-calls_LINUX = $(LINUX)
bench-calls_CONFIG = $(bench-ours_CONFIG) harness/config/container.config

# The source as packaged changes with its version only.
$(BENCH_OUT)/kernel-stock/.config: $(BUILD)/source.version
$(BENCH_OUT)/kernel-ours/.config: $(TREE)/kconfig.stamp
$(BENCH_OUT)/kernel-calls/.config: $(TREE)/kconfig.stamp | $(BENCH_OUT)/kernel-calls/Makefile
$(BENCH_OUT)/kernel-ours.stamp $(BENCH_OUT)/kernel-calls.stamp: $(TREE)/linux.stamp

# All but a few of its objects are those of the other.
$(BENCH_OUT)/kernel-calls/Makefile: | $(BENCH_OUT)/kernel-ours.stamp
	@harness/copy_objects.sh $(BENCH_OUT)/kernel-ours $(@D)

$(BENCH_KERNELS:%=$(BENCH_OUT)/kernel-%/.config): $(BENCH_OUT)/kernel-%/.config: harness/config.sh $$(bench-$$*_CONFIG)
	@echo 'bench: configuring kernel-$*'
	@harness/config.sh $(bench-$*_LINUX) $(@D) $(bench-$*_CONFIG)

$(BENCH_KERNELS:%=$(BENCH_OUT)/kernel-%.stamp): $(BENCH_OUT)/kernel-%.stamp: $(BENCH_OUT)/kernel-%/.config
	@touch $@.begun
	@harness/kernel.sh kernel-$* $(bench-$*_LINUX) $(BENCH_OUT)/kernel-$* bzImage
	@mv $@.begun $@

bench-peer: setup
	@harness/bench/peer.sh $(BENCH_OUT)

# One program for all of them, which knows of each call that this tree has. A profiler finds
# its functions by their addresses, so these are not those of other programs.
bench_program := $(wildcard harness/bench/program/*.c)
$(BENCH_OUT)/bench: $(bench_program) harness/bench/program/bench.h $(BUILD)/headers.stamp
	@mkdir -p $(@D)
	@$(CC) -O2 -Wall -D_GNU_SOURCE -I$(BUILD)/headers/usr/include -static -pthread \
		-Wl,-Ttext-segment=0x20000000 -o $@ $(bench_program)

$(BENCH_OUT)/profile.so: harness/bench/profile.c
	@$(CC) -O2 -Wall -shared -fPIC -o $@ $<

setup-bench:
	@harness/setup.sh packages-bench.txt

bench: setup-bench $(BENCH_KERNELS:%=$(BENCH_OUT)/kernel-%.stamp) bench-peer \
		$(BENCH_OUT)/bench $(BENCH_OUT)/profile.so
	$(if $(filter x86,$(ARCH)),,$(error make bench is for x86 alone))
	@harness/bench/initramfs.sh $(BENCH_OUT)/initramfs.cpio $(BENCH_OUT)/bench
	@harness/bench/bench.sh $(BENCH_OUT)

.PHONY: bench bench-peer setup-bench
