/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a range of a memory to a record of the page frames that it has, each
 * pinned, and back.
 *
 * pin     with a charge, for as long as anybody needs the pages in place
 * borrow  without one, for the time of a look at them
 */
#ifndef __IOMMUFD_USER_PAGES_H
#define __IOMMUFD_USER_PAGES_H

struct page;
struct page_range;
struct page_runs;
struct user_memory;

int user_pages_pin(struct user_memory *memory, struct page_runs *runs,
		   struct page_range range);
void user_pages_unpin(struct user_memory *memory, struct page_runs *runs,
		      unsigned long offset, unsigned long nr_pages);
int user_pages_borrow(struct user_memory *memory, struct page_runs *runs,
		      struct page_range range);
void user_pages_return(struct user_memory *memory, struct page_runs *runs,
		       unsigned long offset, unsigned long nr_pages);
/* For its test */
unsigned long user_pages_neighbours(struct page **pages,
				    unsigned long nr_pages);

#endif
