// SPDX-License-Identifier: GPL-2.0
/*
 * The file of a queue of DMA faults: how it is read, who waits for whom, and how
 * long it lives.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "lib/dma_faults.h"

#define IOVA (MOCK_APERTURE + 0x100000)
#define DEPTH 4
/* Long enough for a thread to fall asleep in a call, short for a test */
#define ASLEEP_USEC 50000

FIXTURE(dma_fault_file)
{
	struct dma_faults faults;
	struct iommu_dma_fault records[2 * DEPTH];
};

FIXTURE_SETUP(dma_fault_file)
{
	need(mock_exists(), "CONFIG_IOMMUFD_TEST");
	dma_faults_open(&self->faults, DEPTH);
}

FIXTURE_TEARDOWN(dma_fault_file)
{
	dma_faults_close(&self->faults);
}

TEST_F_TIMEOUT(dma_fault_file, whole_records_are_read_oldest_first,
	       TEST_SECONDS)
{
	dma_faults_make(&self->faults, IOVA, 3);
	EXPECT_EQ(2 * DMA_FAULT_SIZE,
		  read(self->faults.queue, self->records,
		       2 * DMA_FAULT_SIZE + DMA_FAULT_SIZE / 2));
	EXPECT_EQ(IOVA, self->records[0].iova);
	EXPECT_EQ(IOVA + PAGE_SIZE, self->records[1].iova);
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(IOVA + 2 * PAGE_SIZE, self->records[0].iova);
}

TEST_F_TIMEOUT(dma_fault_file, less_than_a_record_is_invalid, TEST_SECONDS)
{
	dma_fault_queue_nonblocking(self->faults.queue);
	EXPECT_EQ(-EINVAL,
		  errno_of(read(self->faults.queue, self->records, 0)));
	EXPECT_EQ(-EINVAL, errno_of(read(self->faults.queue, self->records,
					 DMA_FAULT_SIZE - 1)));
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(-EINVAL, errno_of(read(self->faults.queue, self->records,
					 DMA_FAULT_SIZE - 1)));
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, 1));
}

TEST_F_TIMEOUT(dma_fault_file, pieces_of_a_buffer_are_one, TEST_SECONDS)
{
	char *buffer = (char *)self->records;
	struct iovec pieces[] = {
		{ .iov_base = buffer, .iov_len = 20 },
		{ .iov_base = buffer + 20, .iov_len = DMA_FAULT_SIZE },
		{ .iov_base = buffer + 20 + DMA_FAULT_SIZE,
		  .iov_len = DMA_FAULT_SIZE },
	};

	dma_faults_make(&self->faults, IOVA, 3);
	EXPECT_EQ(2 * DMA_FAULT_SIZE,
		  readv(self->faults.queue, pieces, ARRAY_SIZE(pieces)));
	EXPECT_EQ(IOVA, self->records[0].iova);
	EXPECT_EQ(IOVA + PAGE_SIZE, self->records[1].iova);
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
}

TEST_F_TIMEOUT(dma_fault_file, poll_and_nonblocking_reads_agree, TEST_SECONDS)
{
	dma_fault_queue_nonblocking(self->faults.queue);
	EXPECT_FALSE(dma_fault_queue_is_readable(self->faults.queue));
	EXPECT_EQ(-EAGAIN,
		  dma_fault_read(self->faults.queue, self->records, DEPTH));
	dma_faults_make(&self->faults, IOVA, 2);
	EXPECT_TRUE(dma_fault_queue_is_readable(self->faults.queue));
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, 1));
	EXPECT_TRUE(dma_fault_queue_is_readable(self->faults.queue));
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, 1));
	EXPECT_FALSE(dma_fault_queue_is_readable(self->faults.queue));
	EXPECT_EQ(-EAGAIN,
		  dma_fault_read(self->faults.queue, self->records, DEPTH));
}

/* Edge triggered: once for each, also when others wait */
TEST_F_TIMEOUT(dma_fault_file, epoll_tells_of_each, TEST_SECONDS)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = must(errno_of(epoll_create1(0)));
	unsigned int i;

	must(errno_of(epoll_ctl(epoll, EPOLL_CTL_ADD, self->faults.queue,
				&event)));
	EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	for (i = 0; i < 2; i++) {
		dma_faults_make(&self->faults, IOVA, 1);
		EXPECT_EQ(1, epoll_wait(epoll, &event, 1, 10000));
		EXPECT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	}
	/* The queue goes while it is looked at. */
	dma_faults_close_queue(&self->faults);
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
	EXPECT_EQ(0, close(epoll));
}

TEST_F_TIMEOUT(dma_fault_file, nothing_is_lost_where_memory_is_not_there,
	       TEST_SECONDS)
{
	char *edge = memory_alloc(2 * PAGE_SIZE);
	struct iommu_dma_fault *last;

	must(errno_of(munmap(edge + PAGE_SIZE, PAGE_SIZE)));
	last = (struct iommu_dma_fault *)(edge + PAGE_SIZE) - 1;
	dma_faults_make(&self->faults, IOVA, 3);
	EXPECT_EQ(-EFAULT, dma_fault_read(self->faults.queue,
					  memory_hole(PAGE_SIZE), DEPTH));
	EXPECT_TRUE(dma_fault_queue_is_readable(self->faults.queue));
	/* Half of one, then one and a half */
	EXPECT_EQ(-EFAULT, errno_of(read(self->faults.queue,
					 edge + PAGE_SIZE - DMA_FAULT_SIZE / 2,
					 DMA_FAULT_SIZE)));
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, last, 2));
	EXPECT_EQ(IOVA, last->iova);
	/* The one that is on its way counts no more, and is in no one's way. */
	EXPECT_EQ(-EFAULT, dma_fault_read(self->faults.queue,
					  memory_hole(PAGE_SIZE), 1));
	dma_faults_make(&self->faults, IOVA + 0x1000000, DEPTH);
	ASSERT_EQ(1 + DEPTH,
		  dma_fault_read(self->faults.queue, self->records, 2 * DEPTH));
	EXPECT_EQ(IOVA + PAGE_SIZE, self->records[0].iova);
	EXPECT_EQ(IOVA + 2 * PAGE_SIZE, self->records[1].iova);
	EXPECT_EQ(1, self->records[DEPTH].lost);
	EXPECT_EQ(0, munmap(edge, PAGE_SIZE));
}

TEST_F_TIMEOUT(dma_fault_file, file_is_read_and_nothing_else, TEST_SECONDS)
{
	void *mapped;

	EXPECT_EQ(FD_CLOEXEC, fcntl(self->faults.queue, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(self->faults.queue, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(-EBADF, errno_of(write(self->faults.queue, self->records,
					 DMA_FAULT_SIZE)));
	EXPECT_EQ(-ESPIPE, errno_of(lseek(self->faults.queue, 0, SEEK_SET)));
	EXPECT_EQ(-ESPIPE, errno_of(pread(self->faults.queue, self->records,
					  DMA_FAULT_SIZE, 0)));
	EXPECT_EQ(-ENOTTY,
		  errno_of(ioctl(self->faults.queue, IOMMU_DMA_FAULT_QUEUE,
				 self->records)));
	mapped = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED,
		      self->faults.queue, 0);
	EXPECT_EQ(MAP_FAILED, mapped);
}

/* A read in another thread */
struct reader {
	pthread_t thread;
	int queue;
	int ret;
	struct iommu_dma_fault record;
};

static void *run_reader(void *data)
{
	struct reader *reader = data;

	reader->ret = dma_fault_read(reader->queue, &reader->record, 1);
	return NULL;
}

static void reader_start(struct reader *reader, int queue)
{
	reader->queue = queue;
	reader->ret = -EINPROGRESS;
	must(-pthread_create(&reader->thread, NULL, run_reader, reader));
	usleep(ASLEEP_USEC);
}

static int reader_end(struct reader *reader)
{
	must(-pthread_join(reader->thread, NULL));
	return reader->ret;
}

TEST_F_TIMEOUT(dma_fault_file, read_sleeps_until_there_is_one, TEST_SECONDS)
{
	struct reader reader;

	reader_start(&reader, self->faults.queue);
	EXPECT_EQ(-EINPROGRESS, reader.ret);
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, reader_end(&reader));
	EXPECT_EQ(IOVA, reader.record.iova);
}

TEST_F_TIMEOUT(dma_fault_file, each_sleeping_read_gets_one, TEST_SECONDS)
{
	struct reader readers[3];
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(readers); i++)
		reader_start(&readers[i], self->faults.queue);
	dma_faults_make(&self->faults, IOVA, ARRAY_SIZE(readers));
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		EXPECT_EQ(1, reader_end(&readers[i]));
		sum += readers[i].record.iova - IOVA;
	}
	EXPECT_EQ((0 + 1 + 2) * PAGE_SIZE, sum);
}

static void ignore(int signal)
{
}

/* Also one that waits for another read */
TEST_F_TIMEOUT(dma_fault_file, signal_ends_a_sleeping_read, TEST_SECONDS)
{
	struct sigaction action = { .sa_handler = ignore };
	struct reader readers[2];
	unsigned int i;

	must(errno_of(sigaction(SIGUSR1, &action, NULL)));
	for (i = 0; i < 2; i++)
		reader_start(&readers[i], self->faults.queue);
	for (i = 2; i--;) {
		must(-pthread_kill(readers[i].thread, SIGUSR1));
		EXPECT_EQ(-EINTR, reader_end(&readers[i]));
	}
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
}

TEST_F_TIMEOUT(dma_fault_file, open_file_keeps_the_number, TEST_SECONDS)
{
	struct reader reader;

	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	reader_start(&reader, self->faults.queue);
	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, reader_end(&reader));
	dma_faults_close_queue(&self->faults);
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
	EXPECT_EQ(-ENOENT, dma_faults_destroy_queue(&self->faults));
}

TEST_F_TIMEOUT(dma_fault_file, unbind_waits_for_no_reader, TEST_SECONDS)
{
	struct reader reader;
	struct mock other;

	reader_start(&reader, self->faults.queue);
	EXPECT_EQ(0,
		  iommufd_destroy(self->faults.iommufd, self->faults.mock.id));
	EXPECT_EQ(-EINPROGRESS, reader.ret);
	must(mock_create(self->faults.iommufd, self->faults.space.ioas_id,
			 &other));
	must(mock_dma_fault(self->faults.iommufd, &other, IOVA, 1, 0, 0, NULL));
	EXPECT_EQ(1, reader_end(&reader));
}

TEST_F_TIMEOUT(dma_fault_file, close_of_the_descriptor_waits_for_no_reader,
	       TEST_SECONDS)
{
	struct reader reader;

	reader_start(&reader, self->faults.queue);
	dma_faults_close_queue(&self->faults);
	/* The read has the file until it ends. */
	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, reader_end(&reader));
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
}

TEST_F_TIMEOUT(dma_fault_file, file_keeps_the_context, TEST_SECONDS)
{
	void *memory = memory_alloc(PAGE_SIZE);
	int other = must(iommufd_open());

	must(ioas_map_fixed(self->faults.iommufd, self->faults.space.ioas_id,
			    memory, PAGE_SIZE, IOVA));
	dma_faults_make(&self->faults, IOVA, 1);
	must(errno_of(close(self->faults.iommufd)));
	EXPECT_EQ(0, mock_pinned(other, memory, PAGE_SIZE, 1));
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	dma_faults_close_queue(&self->faults);
	EXPECT_EQ(0, mock_pinned(other, memory, PAGE_SIZE, 0));
	/* For the teardown, which closes it */
	self->faults.space.iommufd = other;
}

TEST_F_TIMEOUT(dma_fault_file, child_inherits_the_file, TEST_SECONDS)
{
	pid_t child = must(errno_of(fork()));
	int status;

	if (!child)
		_exit(dma_fault_read(self->faults.queue, self->records, 1) !=
		      1);
	dma_faults_close_queue(&self->faults);
	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	dma_faults_make(&self->faults, IOVA, 1);
	must(errno_of(waitpid(child, &status, 0)));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
}

TEST_F_TIMEOUT(dma_fault_file, duplicate_is_the_same_file, TEST_SECONDS)
{
	int queue = must(errno_of(dup(self->faults.queue)));

	dma_faults_close_queue(&self->faults);
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(1, dma_fault_read(queue, self->records, DEPTH));
	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	EXPECT_EQ(0, close(queue));
	EXPECT_EQ(0, dma_faults_destroy_queue(&self->faults));
}

union fd_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_file(int socket, int file)
{
	union fd_message message = {
		.header.cmsg_len = CMSG_LEN(sizeof(int)),
		.header.cmsg_level = SOL_SOCKET,
		.header.cmsg_type = SCM_RIGHTS,
	};
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr header = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};

	memcpy(CMSG_DATA(&message.header), &file, sizeof(file));
	must(errno_of(sendmsg(socket, &header, 0)));
}

static int receive_file(int socket)
{
	union fd_message message;
	char byte;
	struct iovec vector = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr header = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &message,
		.msg_controllen = sizeof(message),
	};
	int file;

	must(errno_of(recvmsg(socket, &header, 0)));
	memcpy(&file, CMSG_DATA(&message.header), sizeof(file));
	return file;
}

/* While it is under way nobody has a descriptor. */
TEST_F_TIMEOUT(dma_fault_file, file_can_be_sent, TEST_SECONDS)
{
	int sockets[2];

	must(errno_of(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	send_file(sockets[0], self->faults.queue);
	dma_faults_close_queue(&self->faults);
	dma_faults_make(&self->faults, IOVA, 1);
	EXPECT_EQ(-EBUSY, dma_faults_destroy_queue(&self->faults));
	self->faults.queue = receive_file(sockets[1]);
	EXPECT_EQ(1, dma_fault_read(self->faults.queue, self->records, DEPTH));
	EXPECT_EQ(0, close(sockets[0]));
	EXPECT_EQ(0, close(sockets[1]));
}

TEST_HARNESS_MAIN
