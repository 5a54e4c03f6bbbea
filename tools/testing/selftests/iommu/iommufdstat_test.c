// SPDX-License-Identifier: GPL-2.0
/*
 * tools/iommufd/iommufdstat: what it makes of fdinfo and sysfs, of files that a test
 * wrote and of those of the kernel. IOMMUFDSTAT is the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/mock.h"

#define OUTPUT_MAX 65536
#define IOVA (MOCK_APERTURE + 0x100000)
#define LENGTH (16 * PAGE_SIZE)
#define VM_LENGTH (4ULL << 20)
#define COOKIE 0x2aULL

static const char *program(void)
{
	const char *path = getenv("IOMMUFDSTAT");

	if (!path)
		path = "../../../iommufd/iommufdstat";
	return access(path, X_OK) ? NULL : path;
}

/* Its output, in a buffer that the next call uses again, and its exit status */
static const char *run(const char *arguments, int *status)
{
	static char output[OUTPUT_MAX];
	char command[512];
	size_t length;
	FILE *pipe;

	snprintf(command, sizeof(command), "%s %s 2>&1", program(), arguments);
	pipe = popen(command, "r");
	must(pipe ? 0 : -ENOMEM);
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = '\0';
	*status = WEXITSTATUS(pclose(pipe));
	return output;
}

/* A machine that is made of files */
FIXTURE(canned)
{
	char folder[64];
	char arguments[256];
};

FIXTURE_SETUP(canned)
{
	need(program(), "the program iommufdstat");
	strcpy(self->folder, "/tmp/iommufdstat.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->folder));
	snprintf(self->arguments, sizeof(self->arguments),
		 "--proc=%s/proc --class=%s/class ", self->folder, self->folder);
}

FIXTURE_TEARDOWN(canned)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", self->folder);
	EXPECT_EQ(0, system(command));
}

/* A file, with the folders that lead to it */
static void put(const char *folder, const char *name, const char *text)
{
	char path[256], *slash;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = must(errno_of(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644)));
	must(errno_of(write(fd, text, strlen(text))));
	close(fd);
}

static void put_link(const char *folder, const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	must(errno_of(symlink(target, path)));
}

#define COMMON "pos:\t0\nflags:\t02000002\nmnt_id:\t24\nino:\t101\n"

static const char context_text[] =
	COMMON
	"iommufd-ctx:\t7\n"
	"iommufd-accounting:\tuser\n"
	"iommufd-ioas:\tid=1 mappings=12 mapped-kib=4194304 pinned-kib=4194304 charged-kib=4194304 payer=user:1000 large-percent=75 alignment=4096 large-pages=1\n"
	"iommufd-device:\tid=2 name=0000:00:04.0 cookie=0x000000000000002a hwpt=3 faults=5\n"
	"iommufd-hwpt:\tid=3 ioas=1 kind=automatic iommu=dmar0 page-sizes=4K,2M,1G devices=1\n"
	"iommufd-access:\tid=4 ioas=1\n"
	"refusals:\t5\n"
	"last-error:\tIOAS_MAP ENOMEM: 262144 of 262144 KiB: more were asked for\n";

static const char file_text[] =
	COMMON
	"vfio-device-syspath:\t/sys/devices/pci0000:00/0000:00:04.0\n"
	"state:\tattached\n"
	"iommufd-ctx:\t7\n"
	"device-id:\t2\n"
	"cookie:\t0x000000000000002a\n"
	"refusals:\t1\n"
	"last-error:\tATTACH EINVAL: no such table\n";

static void put_machine(const char *folder)
{
	put(folder, "proc/812/comm", "qemu-system-x86\n");
	put(folder, "proc/812/fdinfo/10", context_text);
	put(folder, "proc/812/fdinfo/11", file_text);
	put(folder, "proc/812/fdinfo/0", COMMON);
	put(folder, "proc/900/comm", "other\n");
	put(folder, "proc/900/fdinfo/3", COMMON "eventfd-count:\t0\n");
	put(folder, "proc/meminfo", "MemTotal: 1 kB\n");
	put(folder, "class/vfio0/availability", "taken by=device iommufd-ctx=7\n");
	put_link(folder, "class/vfio0/device", "../../devices/pci0000:00/0000:00:04.0");
	put(folder, "class/vfio10/availability", "free\n");
	put_link(folder, "class/vfio10/device", "../../devices/pci0000:00/0000:00:09.0");
	put(folder, "class/vfio2/availability",
	    "blocked by=driver device=0000:00:05.0 driver=nvme\n");
	put_link(folder, "class/vfio2/device", "../../devices/pci0000:00/0000:00:06.0");
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	printf("# no \"%s\" in:\n%s\n", part, text);
	return false;
}

TEST_F(canned, a_line_sums_up_a_context)
{
	const char *text;
	int status;

	put_machine(self->folder);
	strcat(self->arguments, "--brief");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text,
			"\n      7     812 qemu-system-x86      4.0G     4.0G   75%       2      5       5\n"));
	EXPECT_EQ(NULL, strstr(text, "last error"));
}

TEST_F(canned, objects_and_refusals_are_below_it)
{
	const char *text;
	int status;

	put_machine(self->folder);
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text,
			"ioas 1: mappings 12, mapped 4.0G, pinned 4.0G, charged 4.0G, payer user:1000"));
	EXPECT_TRUE(has(text,
			"device 2: name 0000:00:04.0, cookie 0x000000000000002a, hwpt 3, faults 5"));
	EXPECT_TRUE(has(text,
			"hwpt 3: ioas 1, kind automatic, iommu dmar0, page-sizes 4K,2M,1G"));
	EXPECT_TRUE(has(text,
			"last error: IOAS_MAP ENOMEM: 262144 of 262144 KiB: more were"));
	EXPECT_TRUE(has(text,
			"file of 0000:00:04.0: attached, held by 812 qemu-system-x86"));
	EXPECT_TRUE(has(text, "last error: ATTACH EINVAL: no such table"));
}

TEST_F(canned, devices_are_listed_in_order)
{
	const char *text;
	int status;

	put_machine(self->folder);
	text = run(self->arguments, &status);
	EXPECT_TRUE(has(text,
			"vfio0    0000:00:04.0     taken by=device iommufd-ctx=7\n"
			"vfio2    0000:00:06.0     blocked by=driver device=0000:00:05.0 driver=nvme\n"
			"vfio10   0000:00:09.0     free\n"));
}

TEST_F(canned, json_has_it_all)
{
	const char *text;
	int status;

	put_machine(self->folder);
	strcat(self->arguments, "--json");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text,
			"{\"number\":7,\"holders\":[{\"pid\":812,\"fd\":10,\"command\":\"qemu-system-x86\"}]"));
	EXPECT_TRUE(has(text,
			"{\"type\":\"ioas\",\"id\":1,\"mappings\":12,\"mapped-kib\":4194304"));
	EXPECT_TRUE(has(text,
			"\"cookie\":\"0x000000000000002a\",\"hwpt\":3,\"faults\":5}"));
	EXPECT_TRUE(has(text,
			"\"accounting\":\"user\",\"refusals\":5,\"last-error\":\"IOAS_MAP ENOMEM: "));
	EXPECT_TRUE(has(text,
			"\"state\":\"attached\",\"iommufd-ctx\":7,\"device-id\":2"));
	EXPECT_TRUE(has(text,
			"{\"name\":\"vfio10\",\"device\":\"0000:00:09.0\",\"availability\":\"free\"}"));
	EXPECT_TRUE(has(text, "\"unreadable\":0}\n"));
}

/* Whoever has a copy of the file has the same context. */
TEST_F(canned, context_of_two_processes_is_one)
{
	const char *text;
	int status;

	put_machine(self->folder);
	put(self->folder, "proc/813/comm", "helper\n");
	put(self->folder, "proc/813/fdinfo/4", context_text);
	text = run(self->arguments, &status);
	EXPECT_TRUE(has(text, "also held by "));
	strcat(self->arguments, "--json");
	text = run(self->arguments, &status);
	EXPECT_TRUE(has(text, "\"pid\":812,"));
	EXPECT_TRUE(has(text, "\"pid\":813,"));
	text = strstr(text, "\"mappings\":12");
	ASSERT_NE(NULL, text);
	EXPECT_EQ(NULL, strstr(text + 1, "\"mappings\":12"));
}

TEST_F(canned, context_without_a_descriptor_is_told_by_its_device)
{
	const char *text;
	int status;

	put(self->folder, "proc/812/comm", "qemu\n");
	put(self->folder, "proc/812/fdinfo/11", file_text);
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text, "\n      7       - -"));
	EXPECT_TRUE(has(text,
			"file of 0000:00:04.0: attached, held by 812 qemu"));
}

/* Of later kernels */
TEST_F(canned, what_is_not_known_is_passed_on)
{
	const char *text;
	int status;

	put(self->folder, "proc/5/comm", "vm\n");
	put(self->folder, "proc/5/fdinfo/3",
	    COMMON "iommufd-ctx:\t9\niommufd-fault-queue:\tid=1 depth=16 odd\n"
	    "iommufd-mode:\tnew\nno colon here\nnew-key:\t1\n\n");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text, "fault-queue 1: depth 16, odd"));
	strcat(self->arguments, "--json");
	text = run(self->arguments, &status);
	EXPECT_TRUE(has(text,
			"{\"type\":\"fault-queue\",\"id\":1,\"depth\":16,\"odd\":\"\"}"));
	EXPECT_TRUE(has(text, "\"mode\":\"new\",\"new-key\":1"));
}

/* A process names itself as it likes, and the kernel escapes what it writes. */
TEST_F(canned, names_do_no_harm)
{
	const char *text;
	int status;

	put(self->folder, "proc/5/comm", "a\033[2J\"b\\\n");
	put(self->folder, "proc/5/fdinfo/3",
	    COMMON "iommufd-ctx:\t9\niommufd-device:\tid=1 name=a\\040b\\012c\n");
	text = run(self->arguments, &status);
	EXPECT_EQ(NULL, strchr(text, '\033'));
	EXPECT_TRUE(has(text, "a?[2J\"b\\"));
	EXPECT_TRUE(has(text, "device 1: name a b?c\n"));
	strcat(self->arguments, "--json");
	text = run(self->arguments, &status);
	EXPECT_TRUE(has(text, "\"command\":\"a\\u001b[2J\\\"b\\\\\""));
	EXPECT_TRUE(has(text, "\"name\":\"a b\\u000ac\""));
}

TEST_F(canned, nothing_there_is_no_error)
{
	const char *text;
	int status;

	put(self->folder, "proc/5/comm", "init\n");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text, "CONTEXT     PID COMMAND"));
	EXPECT_EQ(NULL, strstr(text, "VFIO"));
	strcat(self->arguments, "--json");
	text = run(self->arguments, &status);
	EXPECT_STREQ("{\"contexts\":[],\"files\":[],\"devices\":[],\"unreadable\":0}\n",
		     text);
}

TEST_F(canned, kernel_without_the_attribute)
{
	const char *text;
	int status;

	put(self->folder, "proc/5/comm", "init\n");
	put(self->folder, "class/vfio0/dev", "511:0\n");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has(text, "vfio0    ?                ?\n"));
}

TEST_F(canned, watching_ends_after_the_count)
{
	const char *text;
	int status;

	put_machine(self->folder);
	strcat(self->arguments, "-j -w 0.1 -n 3");
	text = run(self->arguments, &status);
	EXPECT_EQ(0, status);
	text = strchr(text, '\n');
	ASSERT_NE(NULL, text);
	text = strchr(text + 1, '\n');
	ASSERT_NE(NULL, text);
	text = strchr(text + 1, '\n');
	ASSERT_NE(NULL, text);
	EXPECT_EQ('\0', text[1]);
}

TEST(wrong_options_are_refused)
{
	static const char *const wrong[] = { "-w x", "-w0", "-n 0", "--nothing",
					     "word", "--proc=/nothing" };
	size_t i;
	int status;

	need(program(), "the program iommufdstat");
	for (i = 0; i != ARRAY_SIZE(wrong); i++) {
		run(wrong[i], &status);
		EXPECT_NE(0, status)
		{
			TH_LOG("%s", wrong[i]);
		}
	}
	EXPECT_TRUE(has(run("--help", &status), "Usage: iommufdstat"));
	EXPECT_EQ(0, status);
}

/* The rest reads what the kernel writes. */
FIXTURE(live)
{
	struct space space;
	struct mock mock;
	char *memory;
};

FIXTURE_SETUP(live)
{
	need(program(), "the program iommufdstat");
	need(!access("/dev/iommu", R_OK | W_OK), "/dev/iommu");
	need(mock_exists(), "CONFIG_IOMMUFD_TEST");
	space_open_mock(&self->space, &self->mock);
	self->memory = memory_alloc(LENGTH);
	must(ioas_map_fixed(self->space.iommufd, self->space.ioas_id,
			    self->memory, LENGTH, IOVA));
}

FIXTURE_TEARDOWN(live)
{
	memory_free(self->memory, LENGTH);
	space_close(&self->space);
}

TEST_F_TIMEOUT(live, own_context_is_there, TEST_SECONDS)
{
	char expected[128];
	const char *text;
	int status;

	text = run("", &status);
	EXPECT_EQ(0, status);
	snprintf(expected, sizeof(expected), " %d iommufdstat_tes ", getpid());
	EXPECT_TRUE(has(text, expected));
	snprintf(expected, sizeof(expected), "ioas %u: mappings 1, mapped 64K, pinned 64K",
		 self->space.ioas_id);
	EXPECT_TRUE(has(text, expected));
	snprintf(expected, sizeof(expected), "device %u: ", self->mock.dev_id);
	EXPECT_TRUE(has(text, expected));
	snprintf(expected, sizeof(expected), "hwpt %u: ioas %u",
		 self->mock.hwpt_id, self->space.ioas_id);
	EXPECT_TRUE(has(text, expected));
}

TEST_F_TIMEOUT(live, last_refusal_is_there, TEST_SECONDS)
{
	int status;

	EXPECT_EQ(-ENOENT, iommufd_destroy(self->space.iommufd, 1000));
	EXPECT_TRUE(has(run("", &status), "last error: DESTROY ENOENT: "));
	EXPECT_EQ(0, status);
}

/* What a virtual machine monitor has: a device that it found a name for, and memory */
FIXTURE(vm)
{
	struct bound_device bound;
	struct pci_device pci;
	char *memory;
};

FIXTURE_SETUP(vm)
{
	struct edu_list list;

	need(program(), "the program iommufdstat");
	edu_list_read(&list);
	need(edu_alone(&list, 0), "an edu device alone in its group");
	self->pci = *edu_alone(&list, 0);
	bound_device_open(&self->bound, self->pci.bdf);
	must(errno_of(close(self->bound.device)));
	self->bound.device = must(vfio_cdev_open(self->pci.bdf));
	must(vfio_bind_cookie(self->bound.device, self->bound.iommufd, COOKIE,
			      &self->bound.dev_id));
	must(vfio_attach_to(self->bound.device, self->bound.ioas_id));
	self->memory = memory_alloc(VM_LENGTH);
	must(ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
			    self->memory, VM_LENGTH, 0x100000));
}

FIXTURE_TEARDOWN(vm)
{
	bound_device_close(&self->bound);
	memory_free(self->memory, VM_LENGTH);
	EXPECT_EQ(0, pages_pinned());
}

/* For the guide, which has a screen of a run of this test */
static void print_screen(const char *text)
{
	while (*text) {
		int length = strcspn(text, "\n");

		printf("#: %.*s\n", length, text);
		text += length + (text[length] == '\n');
	}
}

TEST_F_TIMEOUT(vm, device_has_its_name_and_cookie, TEST_SECONDS)
{
	char expected[128];
	const char *text;
	int status;

	/* It refuses the addresses of interrupts. */
	EXPECT_EQ(-EINVAL,
		  ioas_map_fixed(self->bound.iommufd, self->bound.ioas_id,
				 self->memory, PAGE_SIZE, 0xfee00000));
	text = run("", &status);
	EXPECT_EQ(0, status);
	snprintf(expected, sizeof(expected),
		 "device %u: name %s, cookie 0x000000000000002a, hwpt ",
		 self->bound.dev_id, self->pci.bdf);
	EXPECT_TRUE(has(text, expected));
	EXPECT_TRUE(has(text, "mappings 1, mapped 4.0M, pinned 4.0M"));
	EXPECT_TRUE(has(text, "last error: IOAS_MAP EINVAL: "));
	snprintf(expected, sizeof(expected), "file of %s: attached, held by %d ",
		 self->pci.bdf, getpid());
	EXPECT_TRUE(has(text, expected));
	snprintf(expected, sizeof(expected), "%-16s taken by=device iommufd-ctx=",
		 self->pci.bdf);
	EXPECT_TRUE(has(text, expected));
	print_screen(text);
}

TEST_HARNESS_MAIN
