# Usage: make -f programs.mk LINUX=dir HEADERS=dir OUT=dir
# The static programs for the guest, from the composed tree LINUX, against the kernel
# headers in HEADERS: each *_test.c of our two selftest folders is a program, the other
# .c files of a folder are a library for all of them. Those of tools/testing/iommufd are
# built for this machine, with its own Makefile.

SELFTESTS := $(LINUX)/tools/testing/selftests
FOLDERS := iommu vfio
CFLAGS := -O2 -g -Wall -fmax-errors=3 -D_GNU_SOURCE -I$(HEADERS) -I$(SELFTESTS)
LDFLAGS := -static -pthread -Wl,--wrap=alarm

tests := $(foreach f,$(FOLDERS),$(wildcard $(SELFTESTS)/$(f)/*_test.c))
helpers := $(filter-out %_test.c,$(foreach f,$(FOLDERS),$(wildcard $(SELFTESTS)/$(f)/*.c $(SELFTESTS)/$(f)/lib/*.c)))
samples := $(wildcard $(LINUX)/samples/iommufd/*.c)

test_programs := $(tests:$(SELFTESTS)/%.c=$(OUT)/tests/%)
sample_programs := $(samples:$(LINUX)/samples/iommufd/%.c=$(OUT)/samples/%)
helper_objects := $(helpers:$(SELFTESTS)/%.c=$(OUT)/obj/%.o)

all: $(test_programs) $(sample_programs) host

host:
	$(MAKE) -C $(LINUX)/tools/testing/iommufd
	@mkdir -p $(OUT)/host
	cp -u $(LINUX)/tools/testing/iommufd/*_test $(OUT)/host/

$(OUT)/obj/%.o: $(SELFTESTS)/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/obj/patient_alarm.o: harness/guest/patient_alarm.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# An archive: a program takes from it what it calls.
$(OUT)/obj/helpers.a: $(helper_objects)
	@rm -f $@
	$(AR) rcs $@ $^

$(test_programs): $(OUT)/tests/%: $(OUT)/obj/%.o $(OUT)/obj/patient_alarm.o $(OUT)/obj/helpers.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -s -o $@ $^

$(sample_programs): $(OUT)/samples/%: $(LINUX)/samples/iommufd/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -s -o $@ $<

-include $(wildcard $(OUT)/obj/*/*.d $(OUT)/obj/*/lib/*.d)
.PHONY: all host
.SECONDARY:
