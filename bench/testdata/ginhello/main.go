// Command ginhello is what a gin program can do at most: one route, no
// middleware, five bytes. The benchmark sets everything else against it.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	log.Fatal(http.ListenAndServe(os.Args[1], engine))
}
