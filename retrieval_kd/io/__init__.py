"""Files and folders that are whole or not there, whichever process is killed or writes at the same time.

What lives here: atomic writes (`atomic`), locks between processes (`locks`), digests of files (`digests`) and
checks of files against the digests they were written with (`intact`), and what a file system refused (`disk_errors`).
What may not: knowing what is in a file.
To add a way of writing: a function in `atomic` that writes to a temporary name beside the target, puts it on disk and
renames it.
"""
