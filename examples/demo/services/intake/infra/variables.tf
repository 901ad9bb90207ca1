variable "environment" {
  type        = string
  description = "staging or production."
}

variable "storage_encrypted" {
  type        = bool
  description = "Whether databases encrypt their disks."
  default     = true
}

variable "records_password" {
  type        = string
  description = "Set by the pipeline from the secret store."
  sensitive   = true
}

variable "private_subnet_ids" {
  type = list(string)
}
