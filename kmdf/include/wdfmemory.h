/* Memory objects: buffers with a lifetime. IRQL <= DISPATCH_LEVEL (non-paged pool). */
#ifndef KMDF_WDFMEMORY_H
#define KMDF_WDFMEMORY_H

/* A part of a memory object, in bytes. */
typedef struct _WDFMEMORY_OFFSET {
    size_t BufferOffset;
    size_t BufferLength;
} WDFMEMORY_OFFSET, *PWDFMEMORY_OFFSET;

WDF_FUNCTION(NTSTATUS, WdfMemoryCreate,
             (PWDF_OBJECT_ATTRIBUTES Attributes, POOL_TYPE PoolType, ULONG PoolTag,
              size_t BufferSize, WDFMEMORY *Memory, PVOID *Buffer),
             (Attributes, PoolType, PoolTag, BufferSize, Memory, Buffer))

/* The caller owns the buffer and keeps it for the lifetime of the object. */
WDF_FUNCTION(NTSTATUS, WdfMemoryCreatePreallocated,
             (PWDF_OBJECT_ATTRIBUTES Attributes, PVOID Buffer, size_t BufferSize,
              WDFMEMORY *Memory),
             (Attributes, Buffer, BufferSize, Memory))

WDF_FUNCTION(PVOID, WdfMemoryGetBuffer, (WDFMEMORY Memory, size_t *BufferSize),
             (Memory, BufferSize))
WDF_FUNCTION(NTSTATUS, WdfMemoryAssignBuffer, (WDFMEMORY Memory, PVOID Buffer, size_t BufferSize),
             (Memory, Buffer, BufferSize))
WDF_FUNCTION(NTSTATUS, WdfMemoryCopyToBuffer,
             (WDFMEMORY SourceMemory, size_t SourceOffset, PVOID Buffer, size_t NumBytesToCopyTo),
             (SourceMemory, SourceOffset, Buffer, NumBytesToCopyTo))
WDF_FUNCTION(NTSTATUS, WdfMemoryCopyFromBuffer,
             (WDFMEMORY DestinationMemory, size_t DestinationOffset, PVOID Buffer,
              size_t NumBytesToCopyFrom),
             (DestinationMemory, DestinationOffset, Buffer, NumBytesToCopyFrom))

#endif
