# SPDX-License-Identifier: GPL-2.0-only
# `make vmm`: QEMU as the distribution's backports have it, in our guest, with a device
# that it passes to a guest of its own.

VMM := $(BUILD)/vmm
INNER_CONFIG := harness/config/vmm_inner.config
export VARIANT

# It needs nothing of ours: the source as packaged, which changes with its version only.
$(VMM)/inner/.config: $(BUILD)/source.version harness/config.sh $(INNER_CONFIG)
	@echo 'vmm: configuring the second-level kernel'
	@harness/config.sh $(BUILD)/source $(VMM)/inner $(INNER_CONFIG)

$(VMM)/inner/vmlinux: $(VMM)/inner/.config
	@harness/kernel.sh inner $(BUILD)/source $(VMM)/inner vmlinux

$(BUILD)/source.version: $(BUILD)/linux.stamp
	@:

vmm_programs := $(wildcard harness/vmm/inner*.c)
$(VMM)/inner_init: $(vmm_programs) harness/vmm/inner.h programs
	@$(CC) -O2 -Wall -D_GNU_SOURCE -I$(BUILD)/headers/usr/include -I$(LINUX)/tools/testing/selftests \
		-static -s -o $@ $(vmm_programs) $(BUILD)/programs/obj/library.a

vmm_qemus:
	@harness/vmm/fetch.sh bookworm-backports $(VMM)/qemu10
	@harness/vmm/fetch.sh trixie-backports $(VMM)/qemu11

ifneq ($(DRY_RUN),1)
vmm: kernel-debug $(VMM)/inner/vmlinux $(VMM)/inner_init vmm_qemus
endif

vmm:
	@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(VMM)/base.cpio $(BUILD)/programs $(BUILD)/kernel-debug.modules
	@[ '$(DRY_RUN)' = 1 ] || harness/vmm/image.sh $(VMM)/initramfs.cpio $(VMM)/base.cpio $(VMM) $(VMM)/inner_init
	@harness/vmm/vmm.sh $(VMM) $(BUILD)/kernel-debug/$(IMAGE) $(VMM)/initramfs.cpio

.PHONY: vmm vmm_qemus
