package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// SQLite appends two pieces to its log (WAL) for each page that a commit has
// changed, the header of a frame and the page, and each is a call of the system.
// The functions of this file stand between SQLite and the files of the connection
// that writes, and pass these pieces on together; see docs/adr/0031.
//
// What SQLite relies on stays. A piece that is kept back counts as written for
// SQLite, but:
//   - with the end of a commit everything is written before SQLite goes on, and so
//     before anybody is told of that commit;
//   - whatever else is asked of the log (to read, flush, cut or measure it) finds
//     all of it written;
//   - what a transaction has left that ends otherwise is written before the lock of
//     the one who writes is given back, as it would have been.
const (
	// wholeWrites is the name by which SQLite knows these functions.
	wholeWrites = "usher-whole-writes"
	// keptMost is how many bytes are kept back at most. SQLite's own functions
	// write no more at once: they cut a length to 17 bits.
	keptMost = 1<<17 - 1
	// frameHeader is the size of what stands before a page in the log. Its second
	// four bytes, big-endian, are zero but in the frame that ends a commit ("Database
	// File Format" of SQLite, 4.1).
	frameHeader = 24
	// writersLock is the lock of the one who writes, among those in shared memory
	// ("WAL-mode File Format" of SQLite: WAL_WRITE_LOCK).
	writersLock = 0
)

// The functions of SQLite's that we stand before ("sqlite3_io_methods" of its
// manual). They return its codes.
type (
	openFunction  = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, opened uintptr) int32
	pieceFunction = func(tls *libc.TLS, file, bytes uintptr, count int32, offset int64) int32
	fileFunction  = func(tls *libc.TLS, file uintptr) int32
	flushFunction = func(tls *libc.TLS, file uintptr, flags int32) int32
	cutFunction   = func(tls *libc.TLS, file uintptr, size int64) int32
	sizeFunction  = func(tls *libc.TLS, file, size uintptr) int32
	lockFunction  = func(tls *libc.TLS, file uintptr, first, count, flags int32) int32
)

// kept is our part of an open file. It lies in SQLite's memory, behind what its
// own functions know of the file, and so has no pointers of Go's. Zero is a file
// with which we have nothing to do.
type kept struct {
	other uintptr // of a database its log, when that is open and ours; of a log its database
	bytes uintptr // of a log: room for keptMost
	count int     // of bytes kept back
	next  int64   // where the last piece ended
	ends  bool    // the last piece was the header of a frame that ends a commit
}

// beneath is what does the work: the functions that SQLite has for this system.
var beneath struct {
	vfs           uintptr
	open          openFunction
	part          uintptr // where a file's kept begins
	database, log methods
}

// methods are the functions of one kind of open files, and ours before them.
type methods struct {
	made    sync.Once
	address uintptr // of the table that SQLite's own functions give a file
	table   lib.Tsqlite3_io_methods
	ours    uintptr // 0 = not possible
}

// registerWholeWrites makes SQLite know the functions, once.
var registerWholeWrites = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	defer tls.Close()
	beneath.vfs = lib.Xsqlite3_vfs_find(tls, 0)
	if beneath.vfs == 0 {
		return errors.New("store: SQLite has no functions for files")
	}
	usual := *at[lib.Tsqlite3_vfs](beneath.vfs)
	beneath.open = function[openFunction](usual.FxOpen)
	beneath.part = (uintptr(usual.FszOsFile) + 7) &^ 7 //nolint:gosec // hundreds of bytes

	ours := usual
	var err error
	if ours.FzName, err = libc.CString(wholeWrites); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	ours.FszOsFile = int32(beneath.part + unsafe.Sizeof(kept{})) //nolint:gosec // likewise
	ours.FxOpen = address[openFunction](openFile)
	table := lasting(tls, ours)
	if table == 0 {
		return errors.New("store: no memory for SQLite")
	}
	if code := lib.Xsqlite3_vfs_register(tls, table, 0); code != lib.SQLITE_OK {
		return fmt.Errorf("store: SQLite does not take functions for files: code %d", code)
	}
	return nil
})

// replace puts ours before those of a file that was opened, and reports whether it
// did: not if the system gives files of this kind functions of several sorts, and
// this one has others than the first.
func (m *methods) replace(tls *libc.TLS, file uintptr, ours func(*lib.Tsqlite3_io_methods)) bool {
	its := &at[lib.Tsqlite3_file](file).FpMethods
	m.made.Do(func() {
		m.address, m.table = *its, *at[lib.Tsqlite3_io_methods](*its)
		if m.table.FiVersion >= 2 { // has shared memory
			table := m.table
			ours(&table)
			m.ours = lasting(tls, table)
		}
	})
	if *its != m.address || m.ours == 0 {
		return false
	}
	*its = m.ours
	return true
}

// openFile stands before xOpen. Files that we do not stand before stay as SQLite's
// own functions have opened them.
func openFile(tls *libc.TLS, _, name, file uintptr, flags int32, opened uintptr) int32 {
	part := at[kept](file + beneath.part)
	*part = kept{}
	if code := beneath.open(tls, beneath.vfs, name, file, flags, opened); code != lib.SQLITE_OK {
		return code
	}
	switch {
	case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
		beneath.database.replace(tls, file, func(m *lib.Tsqlite3_io_methods) {
			m.FxShmLock = address[lockFunction](lockDatabase)
		})
	case flags&lib.SQLITE_OPEN_WAL != 0:
		database := lib.Xsqlite3_database_file_object(tls, name)
		if at[lib.Tsqlite3_file](database).FpMethods != beneath.database.ours {
			break // nobody would tell us of its locks
		}
		bytes := libc.Xmalloc(tls, keptMost)
		if bytes == 0 || !beneath.log.replace(tls, file, func(m *lib.Tsqlite3_io_methods) {
			m.FxClose = address[fileFunction](closeLog)
			m.FxRead = address[pieceFunction](readLog)
			m.FxWrite = address[pieceFunction](writeLog)
			m.FxTruncate = address[cutFunction](cutLog)
			m.FxSync = address[flushFunction](flushLog)
			m.FxFileSize = address[sizeFunction](measureLog)
		}) {
			libc.Xfree(tls, bytes)
			break
		}
		part.bytes, part.other = bytes, database
		at[kept](database + beneath.part).other = file
	}
	return lib.SQLITE_OK
}

// writeLog keeps a piece that goes on where the last one ended, until a commit
// ends. One that stands elsewhere is passed on at once: the first piece of a
// transaction, and headers that are written anew for what stands in the log already.
func writeLog(tls *libc.TLS, file, bytes uintptr, count int32, offset int64) int32 {
	log := at[kept](file + beneath.part)
	follows := offset == log.next
	if !follows || log.count+int(count) > keptMost {
		if code := log.pass(tls, file); code != lib.SQLITE_OK {
			return code
		}
	}
	ended := log.ends
	log.ends = count == frameHeader && binary.BigEndian.Uint32(unsafe.Slice(at[byte](bytes), frameHeader)[4:]) != 0
	log.next = offset + int64(count)
	if !follows || count > keptMost {
		return function[pieceFunction](beneath.log.table.FxWrite)(tls, file, bytes, count, offset)
	}
	copy(unsafe.Slice(at[byte](log.bytes), keptMost)[log.count:], unsafe.Slice(at[byte](bytes), count))
	log.count += int(count)
	if ended {
		return log.pass(tls, file)
	}
	return lib.SQLITE_OK
}

// pass writes what is kept back. When that fails it is forgotten: SQLite is told,
// and gives its transaction up.
func (log *kept) pass(tls *libc.TLS, file uintptr) int32 {
	count := log.count
	if count == 0 {
		return lib.SQLITE_OK
	}
	log.count = 0
	write := function[pieceFunction](beneath.log.table.FxWrite)
	return write(tls, file, log.bytes, int32(count), log.next-int64(count)) //nolint:gosec // 17 bits
}

// lockDatabase stands before xShmLock. What is still kept back when the lock goes
// belongs to no commit: failing to write it is nobody's loss, and must not keep the
// lock.
func lockDatabase(tls *libc.TLS, file uintptr, first, count, flags int32) int32 {
	database := at[kept](file + beneath.part)
	if first == writersLock && flags&lib.SQLITE_SHM_UNLOCK != 0 && database.other != 0 {
		_ = at[kept](database.other+beneath.part).pass(tls, database.other)
	}
	return function[lockFunction](beneath.database.table.FxShmLock)(tls, file, first, count, flags)
}

func readLog(tls *libc.TLS, file, bytes uintptr, count int32, offset int64) int32 {
	if code := at[kept](file+beneath.part).pass(tls, file); code != lib.SQLITE_OK {
		return code
	}
	return function[pieceFunction](beneath.log.table.FxRead)(tls, file, bytes, count, offset)
}

func flushLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	if code := at[kept](file+beneath.part).pass(tls, file); code != lib.SQLITE_OK {
		return code
	}
	return function[flushFunction](beneath.log.table.FxSync)(tls, file, flags)
}

func cutLog(tls *libc.TLS, file uintptr, size int64) int32 {
	if code := at[kept](file+beneath.part).pass(tls, file); code != lib.SQLITE_OK {
		return code
	}
	return function[cutFunction](beneath.log.table.FxTruncate)(tls, file, size)
}

func measureLog(tls *libc.TLS, file, size uintptr) int32 {
	if code := at[kept](file+beneath.part).pass(tls, file); code != lib.SQLITE_OK {
		return code
	}
	return function[sizeFunction](beneath.log.table.FxFileSize)(tls, file, size)
}

func closeLog(tls *libc.TLS, file uintptr) int32 {
	log := at[kept](file + beneath.part)
	passed := log.pass(tls, file)
	at[kept](log.other + beneath.part).other = 0
	libc.Xfree(tls, log.bytes)
	*log = kept{}
	if code := function[fileFunction](beneath.log.table.FxClose)(tls, file); code != lib.SQLITE_OK {
		return code
	}
	return passed
}

// at is what lies at an address that SQLite has given.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function and address turn what the port of SQLite takes for the address of a
// function into that function, and back.
func function[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&address)) }

func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// lasting copies a table of functions to memory of SQLite's that is never given
// back; 0 = there is none.
func lasting[T any](tls *libc.TLS, table T) uintptr {
	room := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(table)))
	if room != 0 {
		*at[T](room) = table
	}
	return room
}
