/* Registry keys and values. PASSIVE_LEVEL. Lengths are in bytes. */
#ifndef KMDF_WDFREGISTRY_H
#define KMDF_WDFREGISTRY_H

WDF_FUNCTION(NTSTATUS, WdfRegistryOpenKey,
             (WDFKEY ParentKey, PCUNICODE_STRING KeyName, ACCESS_MASK DesiredAccess,
              PWDF_OBJECT_ATTRIBUTES KeyAttributes, WDFKEY *Key),
             (ParentKey, KeyName, DesiredAccess, KeyAttributes, Key))
WDF_FUNCTION(NTSTATUS, WdfRegistryCreateKey,
             (WDFKEY ParentKey, PCUNICODE_STRING KeyName, ACCESS_MASK DesiredAccess,
              ULONG CreateOptions, PULONG CreateDisposition, PWDF_OBJECT_ATTRIBUTES KeyAttributes,
              WDFKEY *Key),
             (ParentKey, KeyName, DesiredAccess, CreateOptions, CreateDisposition, KeyAttributes,
              Key))
WDF_FUNCTION(VOID, WdfRegistryClose, (WDFKEY Key), (Key))
WDF_FUNCTION(HANDLE, WdfRegistryWdmGetHandle, (WDFKEY Key), (Key))
WDF_FUNCTION(NTSTATUS, WdfRegistryRemoveKey, (WDFKEY Key), (Key))
WDF_FUNCTION(NTSTATUS, WdfRegistryRemoveValue, (WDFKEY Key, PCUNICODE_STRING ValueName),
             (Key, ValueName))

WDF_FUNCTION(NTSTATUS, WdfRegistryQueryValue,
             (WDFKEY Key, PCUNICODE_STRING ValueName, ULONG ValueLength, PVOID Value,
              PULONG ValueLengthQueried, PULONG ValueType),
             (Key, ValueName, ValueLength, Value, ValueLengthQueried, ValueType))
WDF_FUNCTION(NTSTATUS, WdfRegistryQueryMemory,
             (WDFKEY Key, PCUNICODE_STRING ValueName, POOL_TYPE PoolType,
              PWDF_OBJECT_ATTRIBUTES MemoryAttributes, WDFMEMORY *Memory, PULONG ValueType),
             (Key, ValueName, PoolType, MemoryAttributes, Memory, ValueType))
WDF_FUNCTION(NTSTATUS, WdfRegistryQueryMultiString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, PWDF_OBJECT_ATTRIBUTES StringsAttributes,
              WDFCOLLECTION Collection),
             (Key, ValueName, StringsAttributes, Collection))
WDF_FUNCTION(NTSTATUS, WdfRegistryQueryUnicodeString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, PUSHORT ValueByteLength,
              PUNICODE_STRING Value),
             (Key, ValueName, ValueByteLength, Value))
WDF_FUNCTION(NTSTATUS, WdfRegistryQueryString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, WDFSTRING String), (Key, ValueName, String))
WDF_FUNCTION(NTSTATUS, WdfRegistryQueryULong,
             (WDFKEY Key, PCUNICODE_STRING ValueName, PULONG Value), (Key, ValueName, Value))

WDF_FUNCTION(NTSTATUS, WdfRegistryAssignValue,
             (WDFKEY Key, PCUNICODE_STRING ValueName, ULONG ValueType, ULONG ValueLength,
              PVOID Value),
             (Key, ValueName, ValueType, ValueLength, Value))
WDF_FUNCTION(NTSTATUS, WdfRegistryAssignMemory,
             (WDFKEY Key, PCUNICODE_STRING ValueName, ULONG ValueType, WDFMEMORY Memory,
              PWDFMEMORY_OFFSET MemoryOffsets),
             (Key, ValueName, ValueType, Memory, MemoryOffsets))
WDF_FUNCTION(NTSTATUS, WdfRegistryAssignMultiString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, WDFCOLLECTION StringsCollection),
             (Key, ValueName, StringsCollection))
WDF_FUNCTION(NTSTATUS, WdfRegistryAssignUnicodeString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, PCUNICODE_STRING Value),
             (Key, ValueName, Value))
WDF_FUNCTION(NTSTATUS, WdfRegistryAssignString,
             (WDFKEY Key, PCUNICODE_STRING ValueName, WDFSTRING String), (Key, ValueName, String))
WDF_FUNCTION(NTSTATUS, WdfRegistryAssignULong,
             (WDFKEY Key, PCUNICODE_STRING ValueName, ULONG Value), (Key, ValueName, Value))

#endif
