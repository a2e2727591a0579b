/* File objects: one per open handle that the framework tracks. IRQL <= DISPATCH_LEVEL. */
#ifndef KMDF_WDFFILEOBJECT_H
#define KMDF_WDFFILEOBJECT_H

WDF_FUNCTION(PUNICODE_STRING, WdfFileObjectGetFileName, (WDFFILEOBJECT FileObject), (FileObject))
WDF_FUNCTION(ULONG, WdfFileObjectGetFlags, (WDFFILEOBJECT FileObject), (FileObject))
WDF_FUNCTION(WDFDEVICE, WdfFileObjectGetDevice, (WDFFILEOBJECT FileObject), (FileObject))
WDF_FUNCTION(PFILE_OBJECT, WdfFileObjectWdmGetFileObject, (WDFFILEOBJECT FileObject), (FileObject))

#endif
