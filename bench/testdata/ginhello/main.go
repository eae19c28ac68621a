// Command ginhello is what a gin program can do at most: one route, no
// middleware, five bytes. The benchmark sets everything else against it.
package main

import (
	"log"
	"net/http"
	"os"
	"runtime"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	// What the process has allocated so far; asked before and after.
	engine.GET("/metrics", func(c *gin.Context) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.String(http.StatusOK, "go_memstats_mallocs_total %d\ngo_memstats_alloc_bytes_total %d\n", m.Mallocs, m.TotalAlloc)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], engine))
}
