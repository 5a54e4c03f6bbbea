// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queue of DMA faults: IOMMU_DMA_FAULT_QUEUE, and the file that it is read by.
 *
 * A fault may be filed in an interrupt, as often as a device likes. That costs a
 * copy into a ring that does not grow, under a raw spinlock, and when there was
 * room a wake-up, of which one is under way at a time. Reading is the program's
 * own time.
 *
 * The queue has no reference on a device. Its records do not need one: they have
 * the device's names as they were.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <uapi/linux/iommufd.h>

#include "command.h"
#include "context.h"
#include "dma_fault_queue.h"
#include "dma_fault_ring.h"
#include "lock_order.h"
#include "object.h"

/**
 * struct dma_fault_queue - the object
 * @object: its base
 * @ring: what waits; under iommufd_ctx.dma_fault_lock
 * @readers: who waits
 * @wake: wakes them; an interrupt cannot where its spinlocks may sleep
 * @read_lock: one reader at a time, also while it waits; killable, as a page of
 *             the reader's may take long. Outside of iommufd_ctx.dma_fault_lock
 * @taken: a record that is out of @ring, and not read yet; under @read_lock
 * @has_taken: there is one; written under @read_lock
 */
struct dma_fault_queue {
	struct iommufd_object object;
	struct dma_fault_ring ring;
	wait_queue_head_t readers;
	struct irq_work wake;
	struct mutex read_lock;
	struct iommu_dma_fault taken;
	bool has_taken;
};

static struct dma_fault_queue *queue_of(struct iommufd_object *object)
{
	return container_of(object, struct dma_fault_queue, object);
}

static struct dma_fault_queue *queue_of_file(struct file *file)
{
	return queue_of(file->private_data);
}

/* Put a record of a context's device into its queue, if it has one. */
void dma_fault_queue_add(struct iommufd_ctx *ictx,
			 const struct iommu_dma_fault *record)
{
	struct dma_fault_queue *queue;
	unsigned long flags;

	raw_spin_lock_irqsave(&ictx->dma_fault_lock, flags);
	queue = ictx->dma_fault_queue;
	if (queue && dma_fault_ring_add(&queue->ring, record))
		irq_work_queue(&queue->wake);
	raw_spin_unlock_irqrestore(&ictx->dma_fault_lock, flags);
}

static void queue_wake(struct irq_work *work)
{
	struct dma_fault_queue *queue =
		container_of(work, struct dma_fault_queue, wake);

	wake_up_interruptible_poll(&queue->readers, EPOLLIN | EPOLLRDNORM);
}

static bool queue_is_readable(struct dma_fault_queue *queue)
{
	return READ_ONCE(queue->has_taken) || READ_ONCE(queue->ring.nr_records);
}

/* Have a record in @queue->taken. Return: false when there is none. */
static bool queue_take(struct dma_fault_queue *queue)
{
	struct iommufd_ctx *ictx = queue->object.ictx;

	lockdep_assert_held(&queue->read_lock);
	if (queue->has_taken)
		return true;
	raw_spin_lock_irq(&ictx->dma_fault_lock);
	queue->has_taken = dma_fault_ring_take(&queue->ring, &queue->taken);
	raw_spin_unlock_irq(&ictx->dma_fault_lock);
	return queue->has_taken;
}

/* A record is as it was until all of it is in the reader's memory. */
static int queue_read_one(struct dma_fault_queue *queue, struct iov_iter *to)
{
	size_t size = sizeof(queue->taken);
	size_t copied;

	if (!queue_take(queue))
		return -EAGAIN;
	copied = copy_to_iter(&queue->taken, size, to);
	if (copied != size) {
		iov_iter_revert(to, copied);
		return -EFAULT;
	}
	queue->has_taken = false;
	return 0;
}

/* Return: bytes of whole records, or an errno when there are none. */
static ssize_t queue_read_all(struct dma_fault_queue *queue,
			      struct iov_iter *to)
{
	size_t size = sizeof(queue->taken);
	ssize_t done = 0;
	int ret = 0;

	while (iov_iter_count(to) >= size && !(done && signal_pending(current))) {
		ret = queue_read_one(queue, to);
		if (ret)
			break;
		done += size;
		cond_resched();
	}
	return done ?: ret;
}

static ssize_t queue_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct dma_fault_queue *queue = queue_of_file(iocb->ki_filp);
	bool waits = !(iocb->ki_filp->f_flags & O_NONBLOCK);
	ssize_t ret = 0;

	if (iov_iter_count(to) < sizeof(queue->taken))
		return -EINVAL;
	if (!waits && !mutex_trylock(&queue->read_lock))
		return -EAGAIN;
	if (waits && mutex_lock_interruptible(&queue->read_lock))
		return -ERESTARTSYS;
	if (waits)
		ret = wait_event_interruptible(queue->readers,
					       queue_is_readable(queue));
	if (!ret)
		ret = queue_read_all(queue, to);
	mutex_unlock(&queue->read_lock);
	return ret;
}

static __poll_t queue_poll(struct file *file, struct poll_table_struct *table)
{
	struct dma_fault_queue *queue = queue_of_file(file);

	poll_wait(file, &queue->readers, table);
	return queue_is_readable(queue) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations queue_fops = {
	.owner = THIS_MODULE,
	.read_iter = queue_read_iter,
	.poll = queue_poll,
	.release = object_file_release,
	.llseek = no_llseek,
};

/* Let faults of the context come to @queue. Return: false if it has another one. */
static bool queue_connect(struct dma_fault_queue *queue)
{
	struct iommufd_ctx *ictx = queue->object.ictx;
	bool is_first;

	raw_spin_lock_irq(&ictx->dma_fault_lock);
	is_first = !ictx->dma_fault_queue;
	if (is_first)
		ictx->dma_fault_queue = queue;
	raw_spin_unlock_irq(&ictx->dma_fault_lock);
	return is_first;
}

/* Undo queue_connect(): none comes any more, and nobody is woken. */
static void queue_disconnect(struct dma_fault_queue *queue)
{
	struct iommufd_ctx *ictx = queue->object.ictx;

	raw_spin_lock_irq(&ictx->dma_fault_lock);
	ictx->dma_fault_queue = NULL;
	raw_spin_unlock_irq(&ictx->dma_fault_lock);
	irq_work_sync(&queue->wake);
}

static void queue_revoke(struct iommufd_object *object)
{
	queue_disconnect(queue_of(object));
}

static void queue_destroy(struct iommufd_object *object)
{
	struct dma_fault_queue *queue = queue_of(object);

	dma_fault_ring_free(&queue->ring);
	mutex_destroy(&queue->read_lock);
}

static void queue_show(struct iommufd_object *object, struct seq_file *m)
{
	struct dma_fault_queue *queue = queue_of(object);

	seq_printf(m, "iommufd-dma-fault-queue:\tid=%u depth=%u waiting=%u\n",
		   object->id, queue->ring.depth,
		   READ_ONCE(queue->ring.nr_records) +
		   READ_ONCE(queue->has_taken));
}

static const struct iommufd_object_ops dma_fault_queue_ops = {
	.name = "queue of DMA faults",
	.revoke = queue_revoke,
	.destroy = queue_destroy,
	.show = queue_show,
};

static struct dma_fault_queue *queue_create(struct iommufd_ctx *ictx, u32 depth)
{
	struct dma_fault_queue *queue;
	int ret;

	queue = iommufd_object_create(ictx, struct dma_fault_queue,
				      &dma_fault_queue_ops);
	if (IS_ERR(queue))
		return queue;
	ret = dma_fault_ring_init(&queue->ring, depth);
	if (ret)
		goto err_abort;
	init_waitqueue_head(&queue->readers);
	init_irq_work(&queue->wake, queue_wake);
	lock_order_mutex_init(&queue->read_lock, PLACE_FAULT_READ);
	if (!queue_connect(queue)) {
		ret = reason_refuse(&ictx->reason, -EEXIST,
				    "this file has a queue of DMA faults already");
		goto err_destroy;
	}
	return queue;

err_destroy:
	queue_destroy(&queue->object);
err_abort:
	iommufd_object_abort(&queue->object);
	return ERR_PTR(ret);
}

/* IOMMU_DMA_FAULT_QUEUE */
int iommufd_dma_fault_queue(struct iommufd_command *command)
{
	struct iommu_dma_fault_queue *arg = command->argument;
	struct dma_fault_queue *queue;
	int ret;

	if (!arg->depth || arg->depth > IOMMU_DMA_FAULT_DEPTH_MAX)
		return reason_refuse(&command->ictx->reason, -EINVAL,
				     "a queue has a depth of 1 to %u, not %u",
				     IOMMU_DMA_FAULT_DEPTH_MAX, arg->depth);
	queue = queue_create(command->ictx, arg->depth);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	ret = object_file_create(&command->created_file,
				 "[iommufd_dma_faults]", &queue_fops);
	if (ret) {
		iommufd_object_discard(&queue->object);
		return ret;
	}
	arg->out_queue_id = queue->object.id;
	arg->out_queue_fd = command->created_file.fd;
	command->created = &queue->object;
	return 0;
}
