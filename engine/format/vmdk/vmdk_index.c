#include "engine/format/vmdk/vmdk_index.h"

#define DIRECTORY_MAX 65536u /* 2 TiB of disk with grains of 64 KiB: half a MiB of pointers */

struct vmdk_index {
    uint64_t table_count; /* immutable after create */
    uint32_t table_limit;
    uint32_t tables_used; /* of who adds entries */
    _Atomic(atomic_uint *) *tables;
};

enum vdisk_status vmdk_index_create(const struct vmdk_extent *extent, uint32_t table_limit,
                                    struct vmdk_index **created, struct vdisk_error *error)
{
    struct vmdk_index *index;

    if (extent->directory_entries > DIRECTORY_MAX)
        return vmdk_extent_fail(extent, error, VDISK_UNSUPPORTED, "VMDK grain directory",
                                VDISK_NO_OFFSET,
                                "without one in the file, the disk is too large to be searched");
    index = vdisk_alloc(sizeof *index);
    if (index == NULL)
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    index->table_count = extent->directory_entries;
    index->table_limit = table_limit;
    index->tables = vdisk_alloc_array((size_t)index->table_count, sizeof *index->tables);
    if (index->tables == NULL) {
        vdisk_free(index);
        return vmdk_extent_fail(extent, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    }
    *created = index;
    return VDISK_OK;
}

void vmdk_index_destroy(struct vmdk_index *index)
{
    if (index == NULL)
        return;
    for (uint64_t i = 0; i < index->table_count; i++)
        vdisk_free((void *)atomic_load_explicit(&index->tables[i], memory_order_relaxed));
    vdisk_free((void *)index->tables);
    vdisk_free(index);
}

static atomic_uint *table_of(struct vmdk_index *index, uint64_t grain)
{
    const uint64_t number = grain / VMDK_TABLE_ENTRIES;

    if (number >= index->table_count)
        return NULL;
    return atomic_load_explicit(&index->tables[number], memory_order_acquire);
}

enum vdisk_status vmdk_index_store(struct vmdk_index *index, uint64_t grain, uint32_t sector)
{
    const uint64_t number = grain / VMDK_TABLE_ENTRIES;
    atomic_uint *table = table_of(index, grain);

    if (number >= index->table_count)
        return VDISK_OUT_OF_RANGE;
    if (table == NULL) {
        if (index->tables_used == index->table_limit)
            return VDISK_NO_SPACE;
        table = vdisk_alloc_array(VMDK_TABLE_ENTRIES, sizeof *table);
        if (table == NULL)
            return VDISK_NO_MEMORY;
        index->tables_used++;
        atomic_store_explicit(&index->tables[number], table, memory_order_release);
    }
    atomic_store_explicit(&table[grain % VMDK_TABLE_ENTRIES], sector, memory_order_release);
    return VDISK_OK;
}

void vmdk_index_load(struct vmdk_index *index, uint64_t grain, uint64_t *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        atomic_uint *table = table_of(index, grain + i);

        entries[i] = table == NULL ? VMDK_ENTRY_ABSENT
                                   : atomic_load_explicit(&table[(grain + i) % VMDK_TABLE_ENTRIES],
                                                          memory_order_acquire);
    }
}

bool vmdk_index_has_table(struct vmdk_index *index, uint64_t grain)
{
    return table_of(index, grain) != NULL;
}
