variable "aws_region" {
  type        = string
  description = "Where billing runs. The default is what the platform template came with."
  default     = "us-east-1"
}

variable "cache_encrypted" {
  type        = bool
  description = "Encryption at rest of caches."
  default     = false
}

variable "subnet_ids" {
  type = list(string)
}

variable "environment" {
  type    = string
  default = "production"
}
