package provisioning

// ExportUsersStep is one batch of an export, for a test that breaks off after it.
var ExportUsersStep = (*Service).exportUsers
