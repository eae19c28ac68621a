package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"usher/provisioning"
)

// masterKeyFile is where the embedded default keeps the key that it makes.
const masterKeyFile = "master.key"

// openSealer takes the configured master key, or the one in the data folder,
// which it makes at the first start.
func openSealer(cfg Config) (*provisioning.Sealer, error) {
	text, from := cfg.MasterKey, "USHER_MASTER_KEY"
	if text == "" {
		path := filepath.Join(cfg.DataDir, masterKeyFile)
		made, err := ensureMasterKey(path)
		if err != nil {
			return nil, fmt.Errorf("master key: %w", err)
		}
		text, from = made, path
	}
	return cfg.sealerOf(text, from)
}

// readSealer is openSealer for one that makes no key. The error says where there
// is none, or what is wrong with it.
func readSealer(cfg Config) (*provisioning.Sealer, error) {
	if cfg.MasterKey != "" {
		return cfg.sealerOf(cfg.MasterKey, "USHER_MASTER_KEY")
	}
	path := filepath.Join(cfg.DataDir, masterKeyFile)
	text, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own setting
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", path)
	} else if err != nil {
		return nil, err
	}
	return cfg.sealerOf(string(text), path)
}

// sealerOf makes a sealer of a master key as it is written, and of the other ones
// that are configured.
func (c Config) sealerOf(text, from string) (*provisioning.Sealer, error) {
	master, err := provisioning.ParseMasterKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	var others [][]byte
	for _, text := range c.MasterKeysPrevious {
		other, err := provisioning.ParseMasterKey(text)
		if err != nil {
			return nil, fmt.Errorf("USHER_MASTER_KEY_PREVIOUS: %w", err)
		}
		others = append(others, other)
	}
	return provisioning.NewSealer(master, others...)
}

// setPreviousMasterKeys takes master keys with commas, or the lines of a file,
// between them.
func setPreviousMasterKeys(c *Config, value string) *wrong {
	keys := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	for _, key := range keys {
		if _, err := provisioning.ParseMasterKey(key); err != nil {
			return &wrong{"one of them is not 32 bytes in base64 or hexadecimal", "Write the master keys as they stood in USHER_MASTER_KEY, with commas between them."}
		}
	}
	c.MasterKeysPrevious = keys
	return nil
}

// ensureMasterKey reads the key at path, or makes one there with mode 0600. Of
// several processes that start at once, one makes it and all read the same:
// the finished file appears under its name, or not at all.
func ensureMasterKey(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the path is the operator's own setting
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(text), err
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), masterKeyFile+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = fresh.WriteString(provisioning.NewMasterKey() + "\n")
	err = errors.Join(err, fresh.Sync(), fresh.Close())
	if err == nil {
		if err = os.Link(fresh.Name(), path); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err := errors.Join(err, os.Remove(fresh.Name())); err != nil {
		return "", err
	}
	text, err = os.ReadFile(path) //nolint:gosec // as above
	return string(text), err
}
